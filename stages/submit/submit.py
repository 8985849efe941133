"""Submit: predict every row of the test set, and write the labels in the competition's layout."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandera.pandas as pa
from numpy.typing import NDArray

from pipeline.errors import ConfigError, StageError, not_as_written
from pipeline.figures import SHARE, AnyFigure, Figure
from pipeline.task import Outcome, Task
from stages.ingest.documents import DataSource
from stages.sample import SAMPLE_FOLDER
from stages.shared.arrays import load_array
from stages.shared.checks import check_table, read_csv
from stages.shared.documents import read_document
from stages.shared.messages import counted
from stages.shared.parquet import open_table
from stages.train.predictor import load_predictor

if TYPE_CHECKING:
    from stages.submit.parameters import SubmitParameters


class Header(msgspec.Struct, frozen=True):
    """The names of the submission's columns."""

    id_name: str
    label_name: str


class ProfileForSubmit(msgspec.Struct, frozen=True):
    """What submit needs of ingest/profile.json: the header, and the id column of the test set, if it has one."""

    submission: Header
    id_name: str | None


def submit(task: Task[SubmitParameters]) -> Outcome:
    """Write submission.csv: a header, then an id and a predicted original label for every test row.

    Raises
    ------
    DataError
        The model is damaged, or does not fit the images.
    ConfigError
        Both columns would have the same name, or ``first_id`` would replace the test set's own ids.
    StageError
        The inputs differ in number of rows, or the file read back is not what was written.
    """
    parameters = task.parameters
    profile = read_document(task.inputs["ingest/profile.json"], ProfileForSubmit, stage="ingest")
    source = read_document(task.inputs["ingest/source.json"], DataSource, stage="ingest")
    id_name = parameters.id_name or profile.submission.id_name
    label_name = parameters.label_name or profile.submission.label_name
    if id_name == label_name:
        raise ConfigError(
            f"both columns of the submission would be called {id_name!r}",
            where="[submit] id_name and label_name",
            hint="give them different names",
        )
    if parameters.first_id is not None and profile.id_name is not None:
        raise ConfigError(
            f"the test set has ids of its own, in column {profile.id_name!r}, so they cannot be numbered anew",
            where=f"[submit] first_id = {parameters.first_id}",
            hint="remove submit.first_id",
        )
    with open_table(task.inputs["ingest/ids.parquet"], stage="ingest") as file:
        ids = file.read().column(0).to_numpy()  # (m,)
    if parameters.first_id is not None:
        ids = np.arange(parameters.first_id, parameters.first_id + len(ids))
    X = load_array(task.inputs["split/X_test.npy"], stage="split", n_dimensions=2)  # (m, n_pixels)
    if len(ids) != len(X):
        raise StageError(
            f"there are {counted(len(ids), 'id')} and {counted(len(X), 'test image')}",
            where="ingest/ids.parquet and split/X_test.npy",
            hint="pipeline run submit",
        )

    predictor = load_predictor(task.inputs["train/model.npz"], n_pixels=X.shape[1])
    predicted = predictor.probabilities(X, task.progress).argmax(axis=1)  # (m,)
    labels = [predictor.classes[index] for index in predicted.tolist()]
    output = task.outputs["submit/submission.csv"]
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([id_name, label_name])
        writer.writerows(zip(ids.tolist(), labels, strict=True))
    check_written(output, id_name, label_name, ids, allowed=predictor.classes)

    figures: dict[str, AnyFigure] = {"rows": len(labels)}
    if source.is_sample:
        figures["sample test score"] = Figure(sample_score(output), SHARE)
    return Outcome(figures)


def check_written(path: Path, id_name: str, label_name: str, ids: NDArray[Any], *, allowed: tuple[Any, ...]) -> None:
    """Read the submission back: its header, its ids in the order of the test set, and labels that exist."""
    submission = read_csv(path, stage="submit")
    columns = {
        id_name: pa.Column(str),
        label_name: pa.Column(str, pa.Check.isin([str(label) for label in allowed])),
    }
    check_table(path, submission, pa.DataFrameSchema(columns, strict=True, ordered=True), stage="submit")
    if submission[id_name].tolist() != [str(each) for each in ids.tolist()]:
        what = "the submission's ids are not those of the test set, in its order"
        raise StageError(what, where=str(path), hint=not_as_written("submit"))


def sample_score(submission: Path) -> float:
    """The accuracy by the answers that come with the bundled sample; no stage learns from them."""
    with gzip.open(SAMPLE_FOLDER / "answers.csv.gz", "rt", encoding="utf-8", newline="") as file:
        answers = list(csv.reader(file))[1:]
    with submission.open(encoding="utf-8", newline="") as file:
        predicted = list(csv.reader(file))[1:]
    return sum(label == answer for (_, label), (_, answer) in zip(predicted, answers, strict=True)) / len(answers)
