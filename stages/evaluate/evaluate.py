"""Evaluate: what the model says about rows that it has not seen, how often it is right, and where it errs.

These are the validation rows. With folds they are first of all the training rows, each judged by the members that
have not seen it, and then the validation rows, judged by all members together.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from pipeline.errors import StageError
from pipeline.stage import Outcome, Task
from stages.encode.documents import Classes
from stages.evaluate.documents import ClassMetrics, EnsembleMetrics, MemberMetrics, Metrics
from stages.evaluate.interval import wilson_interval
from stages.evaluate.out_of_fold import Answers, Dispute, ask, cross_entropy, disputes, members_for
from stages.evaluate.report.chain import read_receipts
from stages.evaluate.report.findings import Findings
from stages.evaluate.report.page import render
from stages.ingest.documents import DataSource
from stages.ingest.profile import Profile
from stages.shared.documents import Label, encode_document, read_document
from stages.shared.parquet import read_column, write_table
from stages.split.documents import ImageFormat
from stages.train.folds import IN_NO_FOLD
from stages.train.predictor import Predictor, load_predictor

if TYPE_CHECKING:
    from stages.evaluate.parameters import EvaluateParameters

OUT_OF_FOLD = "out-of-fold: on every training row, by the members that have not seen it"


def evaluate(task: Task[EvaluateParameters]) -> Outcome:
    """Write the metrics, a prediction for every row that was put to the model, the confusion matrix and the report.

    Raises
    ------
    DataError
        The model is damaged, or does not fit the images.
    StageError
        The model knows other classes than encode wrote, or the files written do not agree with each other.
    """
    classes = read_document(task.inputs["encode/classes.json"], Classes, stage="encode").classes
    images = read_document(task.inputs["split/images.json"], ImageFormat, stage="split")
    source = read_document(task.inputs["ingest/source.json"], DataSource, stage="ingest")
    history = parquet.read_table(task.inputs["train/history.parquet"]).to_pydict()
    folds = dict(zip(history["member"], history["fold"], strict=True))  # of each member, in their order
    fold_of_row = np.load(task.inputs["train/folds.npy"])  # (m_train,)
    held_out = read_part(task, "validation")
    with_folds = bool((fold_of_row != IN_NO_FOLD).any())
    predictor = load_predictor(task.inputs["train/model.npz"], n_pixels=held_out.X.shape[1])
    if predictor.classes != classes:
        raise StageError(
            f"the model's classes {predictor.classes} are not those of the labels {classes}",
            where="train/model.npz and encode/classes.json",
            hint="pipeline run train",
        )

    parts = [read_part(task, "train", fold_of_row)] if with_folds else []
    parts += [held_out] if len(held_out.X) else []
    n_done, n_rows = 0, sum(len(part.X) for part in parts)

    def count(n: int) -> None:
        nonlocal n_done
        n_done += n
        task.progress(n_done, n_rows)

    answers = [ask(predictor, part.X, part.actual, part.fold_of_row, list(folds.values()), count) for part in parts]
    X, actual, rows, P = parts[0].X, parts[0].actual, parts[0].rows, answers[0].P  # what the figures are about
    confusion = count_confusion(actual, P.argmax(axis=1), len(classes))
    metrics = measure(P, actual, classes, source)
    if len(folds) > 1:
        metrics = msgspec.structs.replace(
            metrics,
            measured=OUT_OF_FOLD if with_folds else metrics.measured,
            members=measure_members(list(folds.values()), answers, with_folds=with_folds),
            ensemble=measure_ensemble(answers[1], held_out.actual) if len(answers) > 1 else None,
        )
    task.outputs["evaluate/metrics.json"].write_bytes(encode_document(metrics))
    write_predictions(task.outputs["evaluate/predictions.parquet"], parts, answers, classes)
    write_confusion(task.outputs["evaluate/confusion.csv"], confusion, classes)
    findings = Findings(
        metrics=metrics,
        confusion=confusion,
        history=mean_history(history),
        networks=predictor.networks,
        images=images,
        profile=read_document(task.inputs["ingest/profile.json"], Profile, stage="ingest"),
        X=X,
        P=P,
        actual=actual,
        rows=rows,
        X_train=np.load(task.inputs["split/X_train.npy"], mmap_mode="r"),
        labels_train=np.load(task.inputs["split/labels_train.npy"]),
        rows_train=np.load(task.inputs["split/rows_train.npy"]),
        receipts=read_receipts(task.inputs),
        parameters=msgspec.structs.asdict(task.parameters),
        disputes=find_disputes(predictor, parts[-1], answers[-1], list(folds.values()), task.parameters.examples),
    )
    task.outputs["evaluate/report.html"].write_text(render(findings), encoding="utf-8", newline="\n")
    check_written(task, metrics)
    return Outcome(
        {
            "out-of-fold accuracy" if with_folds else "validation accuracy": metrics.accuracy,
            "log loss": metrics.log_loss,
            "errors": metrics.n_errors,
            **({"ensemble accuracy": metrics.ensemble.accuracy} if metrics.ensemble else {}),
        }
    )


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that are put to the model: pixels (m, n_pixels), and (m,) each of class, row in train.parquet, and fold."""

    X: NDArray[np.float32]
    actual: NDArray[np.int64]
    rows: NDArray[np.int64]
    fold_of_row: NDArray[np.int16]


def read_part(task: Task[EvaluateParameters], name: str, fold_of_row: NDArray[np.int16] | None = None) -> Part:
    """The training or the validation rows; without ``fold_of_row`` they are in no fold."""
    X = np.load(task.inputs[f"split/X_{name}.npy"], mmap_mode="r")
    return Part(
        X=X,
        actual=np.load(task.inputs[f"encode/Y_{name}.npy"], mmap_mode="r").argmax(axis=1),
        rows=np.load(task.inputs[f"split/rows_{name}.npy"]),
        fold_of_row=np.full(len(X), IN_NO_FOLD, np.int16) if fold_of_row is None else fold_of_row,
    )


def mean_history(history: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """How training went epoch by epoch, in the mean of the members that went so far."""
    epochs = np.array(history["epoch"])
    means: dict[str, list[Any]] = {"epoch": np.unique(epochs).tolist()}
    for name, column in history.items():
        if name not in {"member", "fold", "epoch"}:
            values = np.array(column, dtype=np.float64)
            means[name] = [float(values[epochs == epoch].mean()) for epoch in means["epoch"]]
    return means


def find_disputes(
    predictor: Predictor, part: Part, answers: Answers, folds: list[int], most: int
) -> tuple[Dispute, ...]:
    """What the members disagree on, among the rows that all of them were asked about if there are any."""

    def asked(at: int) -> list[int]:
        return members_for(int(part.fold_of_row[at]), folds)

    return disputes(predictor, part.X, part.actual, part.rows, answers, asked, most)


def measure_members(folds: list[int], answers: list[Answers], *, with_folds: bool) -> tuple[MemberMetrics, ...]:
    """Each member for itself; the last of ``answers`` are about the validation rows, unless there are none."""
    has_validation = not with_folds or len(answers) > 1
    return tuple(
        MemberMetrics(
            member=member,
            fold=fold if with_folds else None,
            accuracy=tally.accuracy,
            log_loss=tally.loss / tally.n_rows,
            n_rows=tally.n_rows,
            n_errors=tally.n_rows - tally.n_correct,
            validation_accuracy=answers[-1].tallies[member].accuracy if has_validation else None,
        )
        for member, fold in enumerate(folds)
        for tally in [answers[0].tallies[member]]
    )


def measure_ensemble(answers: Answers, actual: NDArray[np.int64]) -> EnsembleMetrics:
    """All members together on rows that none has seen."""
    n_rows, n_correct = len(actual), int((answers.P.argmax(axis=1) == actual).sum())
    return EnsembleMetrics(
        accuracy=n_correct / n_rows,
        accuracy_interval=wilson_interval(n_correct, n_rows),
        log_loss=float(cross_entropy(answers.P, actual).mean()),
        n_rows=n_rows,
        n_errors=n_rows - n_correct,
    )


def measure(
    P: NDArray[np.float32], actual: NDArray[np.int64], classes: tuple[Label, ...], source: DataSource
) -> Metrics:
    """The metrics of the probabilities ``P`` (m, n_classes) where ``actual`` (m,) are the right classes' indices.

    The log loss is the mean of -ln p(right class), p bounded below by 1e-15 so that one certain mistake is
    not infinite. Precision, recall and F1 of a class that never occurs, or is never predicted, are 0.
    """
    m = len(actual)
    confusion = count_confusion(actual, P.argmax(axis=1), len(classes))
    n_correct = int(np.trace(confusion))
    per_class = tuple(class_metrics(confusion, index, label) for index, label in enumerate(classes))
    return Metrics(
        accuracy=n_correct / m,
        accuracy_interval=wilson_interval(n_correct, m),
        log_loss=float(cross_entropy(P, actual).mean()),
        macro_f1=math.fsum(each.f1 for each in per_class) / len(per_class),
        n_rows=m,
        n_errors=m - n_correct,
        source=source.source,
        is_sample=source.is_sample,
        per_class=per_class,
    )


def count_confusion(actual: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """How often each actual class (line) was predicted as each class (column): (n_classes, n_classes)."""
    return np.bincount(actual * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_metrics(confusion: NDArray[np.int64], index: int, label: Label) -> ClassMetrics:
    """Precision, recall and their harmonic mean for one class of the confusion matrix (n_classes, n_classes)."""
    n_correct, n_rows, n_predicted = (
        int(count) for count in (confusion[index, index], confusion[index].sum(), confusion[:, index].sum())
    )
    return ClassMetrics(
        label=label,
        n_rows=n_rows,
        precision=n_correct / max(n_predicted, 1),
        recall=n_correct / max(n_rows, 1),
        f1=2 * n_correct / max(n_rows + n_predicted, 1),
    )


def write_predictions(
    path: Path, parts: Sequence[Part], answers: Sequence[Answers], classes: tuple[Label, ...]
) -> None:
    """One line a row: its number in train.parquet, its label, the prediction, who said so, and P (m, n_classes)."""
    labels = np.array(classes)  # (n_classes,)
    P = np.concatenate([each.P for each in answers])
    actual = np.concatenate([part.actual for part in parts])
    predicted = P.argmax(axis=1)
    columns = {
        "row": np.concatenate([part.rows for part in parts]),
        "label": labels[actual],
        "predicted": labels[predicted],
        "correct": actual == predicted,
        "confidence": P.max(axis=1),
        "fold": np.concatenate([part.fold_of_row for part in parts]).astype(np.int64),
        "disagreements": np.concatenate([each.disagreements for each in answers]),
    }
    write_table(path, columns | {f"p_{label}": P[:, index] for index, label in enumerate(classes)})


def write_confusion(path: Path, confusion: NDArray[np.int64], classes: tuple[Label, ...]) -> None:
    """A line for each label, a column for each predicted label."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", *classes])
        writer.writerows([label, *counts] for label, counts in zip(classes, confusion.tolist(), strict=True))


def check_written(task: Task[EvaluateParameters], metrics: Metrics) -> None:
    """Read back what was written: metrics, predictions and confusion matrix tell the same story."""
    path = task.outputs["evaluate/predictions.parquet"]
    correct, fold = (read_column(path, name, stage="evaluate") for name in ("correct", "fold"))
    in_folds = fold != IN_NO_FOLD
    if in_folds.any():
        n_wrong = int((~correct[~in_folds]).sum())
        if metrics.ensemble is not None and metrics.ensemble.n_errors != n_wrong:
            raise StageError(f"the ensemble is wrong {n_wrong} times by its predictions", where="evaluate/")
        correct = correct[in_folds]
    with task.outputs["evaluate/confusion.csv"].open(encoding="utf-8", newline="") as file:
        counts = np.array([line[1:] for line in list(csv.reader(file))[1:]], dtype=np.int64)
    written = read_document(task.outputs["evaluate/metrics.json"], Metrics, stage="evaluate")
    n_errors = {int((~correct).sum()), int(counts.sum() - np.trace(counts)), written.n_errors}
    n_rows = {len(correct), int(counts.sum()), written.n_rows}
    if written != metrics or len(n_errors) > 1 or len(n_rows) > 1:
        raise StageError(
            f"metrics, predictions and confusion matrix disagree: errors {n_errors}, rows {n_rows}", where="evaluate/"
        )
