"""The metrics: accuracy and its interval, log loss, confusion matrix, precision, recall and F1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from stages.evaluate.documents import ClassMetrics, EnsembleMetrics, MemberMetrics, Metrics
from stages.ingest.documents import DataSource
from stages.shared.arrays import Indices, Probabilities
from stages.shared.documents import Label

Z_95 = 1.959963984540054  # the standard normal's 97.5 % quantile
LEAST_PROBABILITY = 1e-15  # a lower one counts as this, so that every log loss is finite


def measure(P: Probabilities, actual: Indices, classes: tuple[Label, ...], source: DataSource) -> Metrics:
    """The metrics of the probabilities ``P`` (m, n_classes) where ``actual`` (m,) are the right classes' indices.

    The log loss is the mean of -ln p(right class). Precision, recall and F1 of a class that never occurs, or is never
    predicted, are 0.
    """
    confusion = count_confusion(actual, P.argmax(axis=1), len(classes))
    per_class = tuple(class_metrics(confusion, index, label) for index, label in enumerate(classes))
    return Metrics(
        **msgspec.structs.asdict(measure_overall(P, actual)),
        macro_f1=math.fsum(each.f1 for each in per_class) / len(per_class),
        source=source.source,
        is_sample=source.is_sample,
        holds_test_images=source.holds_test_images,
        per_class=per_class,
    )


def count_confusion(actual: Indices, predicted: Indices, n_classes: int) -> Indices:
    """How often each actual class (line) was predicted as each class (column): (n_classes, n_classes)."""
    return np.bincount(actual * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_metrics(confusion: Indices, index: int, label: Label) -> ClassMetrics:
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


@dataclass(slots=True)
class Score:
    """How well some rows were predicted, summed block by block."""

    n_rows: int = 0
    n_correct: int = 0
    loss: float = 0.0  # summed over the rows

    def add(self, P: Probabilities, actual: Indices) -> None:
        """Add a block of rows: their probabilities ``P`` (m, n_classes), and the right classes' indices (m,)."""
        p_right = P[np.arange(len(P)), actual].astype(np.float64)
        self.n_rows += len(P)
        self.n_correct += int((P.argmax(axis=1) == actual).sum())
        self.loss -= float(np.log(np.clip(p_right, LEAST_PROBABILITY, 1.0)).sum())

    @property
    def n_errors(self) -> int:
        return self.n_rows - self.n_correct

    @property
    def accuracy(self) -> float:
        return self.n_correct / self.n_rows

    @property
    def log_loss(self) -> float:
        return self.loss / self.n_rows


def measure_overall(P: Probabilities, actual: Indices) -> EnsembleMetrics:
    """The metrics over all rows and classes: accuracy and its interval, log loss, numbers of rows and of errors."""
    score = Score()
    score.add(P, actual)
    return EnsembleMetrics(
        accuracy=score.accuracy,
        accuracy_interval=wilson_interval(score.n_correct, score.n_rows),
        log_loss=score.log_loss,
        n_rows=score.n_rows,
        n_errors=score.n_errors,
    )


def measure_members(
    folds: Sequence[int | None], scores: Sequence[Score], validation: Sequence[Score] | None
) -> tuple[MemberMetrics, ...]:
    """The metrics of each member alone.

    ``folds`` are the members' own folds, if there are folds. ``scores`` are their scores on rows that they have not
    seen, ``validation`` those on the validation rows, if there are any.
    """
    return tuple(
        MemberMetrics(
            member=member,
            fold=fold,
            accuracy=score.accuracy,
            log_loss=score.log_loss,
            n_rows=score.n_rows,
            n_errors=score.n_errors,
            validation_accuracy=validation[member].accuracy if validation else None,
        )
        for member, (fold, score) in enumerate(zip(folds, scores, strict=True))
    )


def wilson_interval(n_correct: int, n: int) -> tuple[float, float]:
    """The 95 % interval for a share, ``n_correct`` of ``n`` > 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    Unlike the normal approximation it stays in [0, 1], and has a width even if every row is right.
    """
    share = n_correct / n
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    # Where the share is 0 or 1, one bound equals it up to rounding.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
