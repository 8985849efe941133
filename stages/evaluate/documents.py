"""The JSON that evaluate writes, as strict models."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stages.shared.documents import Count, Document, Label, Positive, Share

OUT_OF_FOLD = "out-of-fold: on every training row, by the members that have not seen it"


class ClassMetrics(Document, frozen=True):
    """How well one class is recognised; a ratio of 0 to 0 is 0."""

    label: Label
    n_rows: Count
    precision: Share
    recall: Share
    f1: Share


class MemberMetrics(Document, frozen=True):
    """The metrics of one member of an ensemble alone, on rows that it has not seen.

    With folds these are the rows of its ``fold``, else the validation rows. ``validation_accuracy`` is its accuracy on
    the validation rows in either case, so that it can be compared with the ensemble's.
    """

    member: Count
    fold: Count | None
    accuracy: Share
    log_loss: Annotated[float, Meta(ge=0.0)]
    n_rows: Positive
    n_errors: Count
    validation_accuracy: Share | None


class EnsembleMetrics(Document, frozen=True):
    """The metrics of all members together on the validation rows, which none of them has seen."""

    accuracy: Share
    accuracy_interval: tuple[Share, Share]
    log_loss: Annotated[float, Meta(ge=0.0)]
    n_rows: Positive
    n_errors: Count


class Metrics(Document, frozen=True):
    """``evaluate/metrics.json``: the metrics on rows that the model has not seen; ``measured`` says which.

    With folds the figures are out-of-fold: each training row is predicted by the members that have not seen it. The
    whole ensemble is then measured separately, on the validation rows, if there are any: ``ensemble``. ``members`` is
    empty where there is a single network. If the best epoch was chosen on these rows, the figures are biased: on new
    rows it does less well.
    """

    accuracy: Share
    accuracy_interval: tuple[Share, Share]
    log_loss: Annotated[float, Meta(ge=0.0)]
    macro_f1: Share
    n_rows: Positive
    n_errors: Count
    source: str
    is_sample: bool
    holds_test_images: bool
    per_class: tuple[ClassMetrics, ...]
    measured: str = "on the validation rows, which were not trained on"
    is_unbiased: bool = True
    members: tuple[MemberMetrics, ...] = ()
    ensemble: EnsembleMetrics | None = None

    @property
    def is_out_of_fold(self) -> bool:
        """Whether the rows are the training rows, each predicted by the members that were not trained on it."""
        return self.measured == OUT_OF_FOLD

    def __post_init__(self) -> None:
        if self.n_rows != sum(each.n_rows for each in self.per_class):
            raise ValueError("n_rows is not the sum over per_class")
        if abs(self.accuracy - (1 - self.n_errors / self.n_rows)) > 1e-12:
            raise ValueError("accuracy does not agree with n_errors")
        if not self.accuracy_interval[0] <= self.accuracy <= self.accuracy_interval[1]:
            raise ValueError("accuracy lies outside its interval")
