"""Evaluate: what the network says about the validation rows, how often it is right, and where it errs."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from pipeline.errors import StageError
from pipeline.stage import Outcome, Task
from stages.documents import Classes, ClassMetrics, DataSource, Images, Label, Metrics, encode_document
from stages.inference import load_predictor
from stages.report import render_report
from stages.tables import read_column, write_table

if TYPE_CHECKING:
    from stages.parameters import EvaluateParameters

Z_95 = 1.959963984540054  # the standard normal's 97.5 % quantile


def evaluate(task: Task[EvaluateParameters]) -> Outcome:
    """Write the metrics, a prediction for every validation row, the confusion matrix and the report.

    Raises
    ------
    DataError
        The model is damaged, or does not fit the images.
    StageError
        The model knows other classes than encode wrote, or the files written do not agree with each other.
    """
    classes = msgspec.json.decode(task.inputs["encode/classes.json"].read_bytes(), type=Classes).classes
    images = msgspec.json.decode(task.inputs["split/images.json"].read_bytes(), type=Images)
    source = msgspec.json.decode(task.inputs["ingest/source.json"].read_bytes(), type=DataSource)
    X = np.load(task.inputs["split/X_validation.npy"], mmap_mode="r")  # (m, n_pixels)
    actual = np.load(task.inputs["encode/Y_validation.npy"], mmap_mode="r").argmax(axis=1)  # (m,)
    rows = np.load(task.inputs["split/rows_validation.npy"])  # (m,)
    predictor = load_predictor(task.inputs["train/model.npz"], n_pixels=X.shape[1])
    if predictor.classes != classes:
        raise StageError(
            f"the model's classes {predictor.classes} are not those of the labels {classes}",
            where="train/model.npz and encode/classes.json",
            mend="pipeline run train",
        )

    P = predictor.probabilities(X, task.progress)  # (m, n_classes)
    confusion = count_confusion(actual, P.argmax(axis=1), len(classes))
    metrics = measure(P, actual, classes, source)
    task.outputs["evaluate/metrics.json"].write_bytes(encode_document(metrics))
    write_predictions(task.outputs["evaluate/predictions.parquet"], P, actual, rows, classes)
    write_confusion(task.outputs["evaluate/confusion.csv"], confusion, classes)
    page = render_report(
        metrics=metrics,
        confusion=confusion,
        history=parquet.read_table(task.inputs["train/history.parquet"]).to_pydict(),
        X=X,
        P=P,
        actual=actual,
        rows=rows,
        images=images,
        n_examples=task.parameters.examples,
    )
    task.outputs["evaluate/report.html"].write_text(page, encoding="utf-8", newline="\n")
    check_written(task, metrics)
    return Outcome({"validation accuracy": metrics.accuracy, "log loss": metrics.log_loss, "errors": metrics.n_errors})


def measure(
    P: NDArray[np.float32], actual: NDArray[np.int64], classes: tuple[Label, ...], source: DataSource
) -> Metrics:
    """The metrics of the probabilities ``P`` (m, n_classes) where ``actual`` (m,) are the right classes' indices.

    The log loss is the mean of -ln p(right class), p bounded below by 1e-15 so that one certain mistake is
    not infinite. Precision, recall and F1 of a class that never occurs, or is never predicted, are 0.
    """
    m = len(actual)
    confusion = count_confusion(actual, P.argmax(axis=1), len(classes))
    n_right = int(np.trace(confusion))
    p_right = P[np.arange(m), actual].astype(np.float64)
    per_class = tuple(class_metrics(confusion, index, label) for index, label in enumerate(classes))
    return Metrics(
        accuracy=n_right / m,
        accuracy_interval=wilson_interval(n_right, m),
        log_loss=float(-np.log(np.clip(p_right, 1e-15, 1.0)).mean()),
        macro_f1=math.fsum(each.f1 for each in per_class) / len(per_class),
        n_rows=m,
        n_errors=m - n_right,
        source=source.source,
        is_sample=source.is_sample,
        per_class=per_class,
    )


def count_confusion(actual: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """How often each actual class (line) was predicted as each class (column): (n_classes, n_classes)."""
    return np.bincount(actual * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_metrics(confusion: NDArray[np.int64], index: int, label: Label) -> ClassMetrics:
    """Precision, recall and their harmonic mean for one class of the confusion matrix (n_classes, n_classes)."""
    n_right, n_rows, n_predicted = (
        int(count) for count in (confusion[index, index], confusion[index].sum(), confusion[:, index].sum())
    )
    return ClassMetrics(
        label=label,
        n_rows=n_rows,
        precision=n_right / max(n_predicted, 1),
        recall=n_right / max(n_rows, 1),
        f1=2 * n_right / max(n_rows + n_predicted, 1),
    )


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """The 95 % interval for a share, ``n_right`` of ``n`` > 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    Unlike the normal approximation it stays in [0, 1] and has width where every row is right.
    """
    share = n_right / n
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    # At 0 and at 1 a bound equals the share, but for rounding.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))


def write_predictions(
    path: Path, P: NDArray[np.float32], actual: NDArray[np.int64], rows: NDArray[np.int64], classes: tuple[Label, ...]
) -> None:
    """One line a validation row: its number in train.parquet, its label, the prediction, and P (m, n_classes)."""
    labels = np.array(classes)  # (n_classes,)
    predicted = P.argmax(axis=1)
    columns = {
        "row": rows,
        "label": labels[actual],
        "predicted": labels[predicted],
        "correct": actual == predicted,
        "confidence": P.max(axis=1),
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
    correct = read_column(task.outputs["evaluate/predictions.parquet"], "correct")
    with task.outputs["evaluate/confusion.csv"].open(encoding="utf-8", newline="") as file:
        counts = np.array([line[1:] for line in list(csv.reader(file))[1:]], dtype=np.int64)
    written = msgspec.json.decode(task.outputs["evaluate/metrics.json"].read_bytes(), type=Metrics)
    n_errors = {int((~correct).sum()), int(counts.sum() - np.trace(counts)), written.n_errors}
    n_rows = {len(correct), int(counts.sum()), written.n_rows}
    if written != metrics or len(n_errors) > 1 or len(n_rows) > 1:
        raise StageError(
            f"metrics, predictions and confusion matrix disagree: errors {n_errors}, rows {n_rows}", where="evaluate/"
        )
