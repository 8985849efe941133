"""Evaluate: predict rows that the model has not seen, measure how well, and write the report.

Without folds these are the validation rows. With folds they are the training rows, each predicted out of fold by the
members that have not seen it, and the validation rows, predicted by the whole ensemble.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError, StageError, first_few, not_as_written
from pipeline.figures import SHARE, AnyFigure, Figure
from pipeline.task import Outcome, Progress, Task
from stages.encode.documents import Classes
from stages.evaluate.documents import OUT_OF_FOLD, Metrics
from stages.evaluate.metrics import measure, measure_members, measure_overall
from stages.evaluate.predict_rows import Predictions, RowsToPredict, find_disagreements, predict_rows
from stages.evaluate.report.findings import Findings
from stages.evaluate.report.page import render
from stages.evaluate.report.receipts import read_receipts, settings_of
from stages.ingest.documents import DataSource
from stages.ingest.profile import Profile
from stages.shared.arrays import Indices, load_array
from stages.shared.documents import Label, encode_document, read_document
from stages.shared.messages import counted, shortened
from stages.shared.parquet import open_table, read_column, write_table
from stages.split.documents import ImageFormat
from stages.train.epoch_to_keep import epoch_to_keep
from stages.train.folds import IN_NO_FOLD
from stages.train.predictor import Predictor, load_predictor

if TYPE_CHECKING:
    from stages.evaluate.parameters import EvaluateParameters


def evaluate(task: Task[EvaluateParameters]) -> Outcome:
    """Write the metrics, a prediction for every row, the confusion matrix and the report.

    Raises
    ------
    DataError
        The model is damaged, or does not fit the images.
    StageError
        The model knows other classes than encode wrote, there are no rows to measure by, or the files written do not
        agree with each other.
    """
    classes = read_document(task.inputs["encode/classes.json"], Classes, stage="encode").classes
    with open_table(task.inputs["train/history.parquet"], stage="train") as file:
        history = file.read().to_pydict()
    fold_of_row = load_array(task.inputs["train/folds.npy"], stage="train", n_dimensions=1)  # (m_train,)
    training, validation = read_rows(task, "train", fold_of_row), read_rows(task, "validation")
    predictor = load_predictor(task.inputs["train/model.npz"], n_pixels=validation.X.shape[1])
    if predictor.classes != classes:
        raise StageError(
            f"the model's classes {predictor.classes} are not those of the labels {classes}",
            where="train/model.npz and encode/classes.json",
            hint="pipeline run train",
        )
    fold_of_member = dict(zip(history["member"], history["fold"], strict=True))
    folds = [fold if training.are_in_folds else None for fold in fold_of_member.values()]
    predictions = predict_unseen(training, validation, predictor, folds, task.progress)
    receipts = read_receipts(task.inputs)
    source = read_document(task.inputs["ingest/source.json"], DataSource, stage="ingest")
    is_unbiased = epoch_to_keep(settings_of(receipts, "train")) == "last"
    metrics = measure_all(predictions, folds, classes, source, is_unbiased=is_unbiased)
    confusion = predictions[0].confusion
    task.outputs["evaluate/metrics.json"].write_bytes(encode_document(metrics))
    write_predictions(task.outputs["evaluate/predictions.parquet"], predictions, classes)
    write_confusion(task.outputs["evaluate/confusion.csv"], confusion, classes)
    findings = Findings(
        metrics=metrics,
        history=history,
        networks=predictor.networks,
        images=read_document(task.inputs["split/images.json"], ImageFormat, stage="split"),
        profile=read_document(task.inputs["ingest/profile.json"], Profile, stage="ingest"),
        predictions=predictions[0],
        training=training,
        receipts=receipts,
        parameters=msgspec.structs.asdict(task.parameters),
        disagreements=find_disagreements(predictor, predictions[-1], folds, task.parameters.examples),
    )
    task.outputs["evaluate/report.html"].write_text(render(findings), encoding="utf-8", newline="\n")
    check_written(task, metrics)
    return Outcome(figures_of(metrics), warnings_of(confusion, classes))


def read_rows(task: Task[EvaluateParameters], name: str, fold_of_row: NDArray[np.int16] | None = None) -> RowsToPredict:
    """The training or the validation rows; without ``fold_of_row`` they are in no fold.

    Raises
    ------
    DataError
        A file is damaged, or they differ in their number of rows.
    """
    X = load_array(task.inputs[f"split/X_{name}.npy"], stage="split", n_dimensions=2)
    Y = load_array(task.inputs[f"encode/Y_{name}.npy"], stage="encode", n_dimensions=2)
    numbers = load_array(task.inputs[f"split/rows_{name}.npy"], stage="split", n_dimensions=1, dtype=np.int64)
    folds = np.full(len(X), IN_NO_FOLD, np.int16) if fold_of_row is None else fold_of_row
    if len({len(X), len(Y), len(numbers), len(folds)}) > 1:
        raise DataError(
            f"the {name} rows differ in number: {len(X)} images, {len(Y)} labels, {len(numbers)} row numbers, "
            f"{len(folds)} folds",
            where=f"split/X_{name}.npy, encode/Y_{name}.npy, split/rows_{name}.npy",
            hint="pipeline run split encode train --force",
        )
    return RowsToPredict(X, Y.argmax(axis=1), numbers, folds)


def predict_unseen(
    training: RowsToPredict,
    validation: RowsToPredict,
    predictor: Predictor,
    folds: Sequence[int | None],
    progress: Progress,
) -> list[Predictions]:
    """Predict the training rows, if they are in folds, and then the validation rows, if there are any.

    Raises
    ------
    StageError
        There is nothing to predict.
    """
    parts = [training] if training.are_in_folds else []
    parts += [validation] if len(validation.X) else []
    if not parts:
        raise StageError(
            "there are no rows to measure by: split holds no validation rows, and the model has no folds",
            where="split/X_validation.npy",
            hint="pipeline run split --set split.validation=0.1, then pipeline run evaluate",
        )
    n_done, n_rows = 0, sum(len(part.X) for part in parts)

    def count(n: int) -> None:
        nonlocal n_done
        n_done += n
        progress(n_done, n_rows)

    return [predict_rows(predictor, part, folds, count) for part in parts]


def measure_all(
    predictions: Sequence[Predictions],
    folds: Sequence[int | None],
    classes: tuple[Label, ...],
    source: DataSource,
    *,
    is_unbiased: bool,
) -> Metrics:
    """The metrics on the rows that were predicted first, with those of each member, and of an ensemble of folds."""
    measured, last = predictions[0], predictions[-1]
    validation = None if last.rows.are_in_folds else last.scores
    return msgspec.structs.replace(
        measure(measured.P, measured.rows.actual, classes, source),
        is_unbiased=is_unbiased,
        members=measure_members(folds, measured.scores, validation) if len(folds) > 1 else (),
        ensemble=measure_overall(last.P, last.rows.actual) if len(predictions) > 1 else None,
        **({"measured": OUT_OF_FOLD} if measured.rows.are_in_folds else {}),
    )


def figures_of(metrics: Metrics) -> dict[str, AnyFigure]:
    """The figures that a run shows."""
    ensemble, rows = metrics.ensemble, "out-of-fold" if metrics.is_out_of_fold else "validation"
    return {
        f"{rows} accuracy": Figure(metrics.accuracy, SHARE, is_headline=True),
        "macro F1": metrics.macro_f1,
        "log loss": metrics.log_loss,
        "errors": metrics.n_errors,
        **({"ensemble accuracy": Figure(ensemble.accuracy, SHARE, is_headline=True)} if ensemble else {}),
    }


def warnings_of(confusion: Indices, classes: tuple[Label, ...]) -> tuple[str, ...]:
    """A warning if some classes that occur are never predicted: ``confusion`` is (n_classes, n_classes)."""
    n_rows, n_predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    missed = np.flatnonzero((n_rows > 0) & (n_predicted == 0)).tolist()
    if not missed:
        return ()
    named = first_few([f"{shortened(str(classes[index]))} ({counted(int(n_rows[index]), 'row')})" for index in missed])
    which = f"class {named} is" if len(missed) == 1 else f"{len(missed):,} classes are"
    return (f"{which} never predicted{'' if len(missed) == 1 else f': {named}'}: see macro F1, not the accuracy",)


def write_predictions(path: Path, predictions: Sequence[Predictions], classes: tuple[Label, ...]) -> None:
    """Write a line for each row, with its number in train.parquet; docs/stages.md lists the columns."""
    labels, parts = np.array(classes), [each.rows for each in predictions]
    P = np.concatenate([each.P for each in predictions])
    actual = np.concatenate([part.actual for part in parts])
    predicted = P.argmax(axis=1)
    columns = {
        "row": np.concatenate([part.numbers for part in parts]),
        "label": labels[actual],
        "predicted": labels[predicted],
        "correct": actual == predicted,
        "confidence": P.max(axis=1),
        "fold": np.concatenate([part.folds for part in parts]).astype(np.int64),
        "disagreements": np.concatenate([each.disagreements for each in predictions]),
    }
    write_table(path, columns | {f"p_{label}": P[:, index] for index, label in enumerate(classes)})


def write_confusion(path: Path, confusion: Indices, classes: tuple[Label, ...]) -> None:
    """A line for each label, a column for each predicted label."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", *classes])
        writer.writerows([label, *counts] for label, counts in zip(classes, confusion.tolist(), strict=True))


def check_written(task: Task[EvaluateParameters], metrics: Metrics) -> None:
    """Read back what was written: metrics, predictions and confusion matrix agree."""
    path = task.outputs["evaluate/predictions.parquet"]
    correct, fold = (read_column(path, name, stage="evaluate") for name in ("correct", "fold"))
    in_folds = fold != IN_NO_FOLD
    if in_folds.any():
        n_wrong = int((~correct[~in_folds]).sum())
        if metrics.ensemble is not None and metrics.ensemble.n_errors != n_wrong:
            what = f"the ensemble's predictions have {n_wrong} errors, not {metrics.ensemble.n_errors}"
            raise StageError(what, where="evaluate/", hint=not_as_written("evaluate"))
        correct = correct[in_folds]
    with task.outputs["evaluate/confusion.csv"].open(encoding="utf-8", newline="") as file:
        counts = np.array([line[1:] for line in list(csv.reader(file))[1:]], dtype=np.int64)
    written = read_document(task.outputs["evaluate/metrics.json"], Metrics, stage="evaluate")
    n_errors = {int((~correct).sum()), int(counts.sum() - np.trace(counts)), written.n_errors}
    n_rows = {len(correct), int(counts.sum()), written.n_rows}
    if written != metrics or len(n_errors) > 1 or len(n_rows) > 1:
        raise StageError(
            f"metrics, predictions and confusion matrix disagree: errors {n_errors}, rows {n_rows}",
            where="evaluate/",
            hint=not_as_written("evaluate"),
        )
