"""What the report is made from, as one value, and which of its rows are worth a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.documents import Metrics
from stages.evaluate.out_of_fold import Disagreement
from stages.evaluate.report.chain import Receipt
from stages.ingest.profile import Profile
from stages.mlp import Network
from stages.split.documents import ImageFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that the page tells of.

    Attributes
    ----------
    metrics : evaluate/metrics.json
    confusion : how often each actual class (line) was taken for each class (column): (n_classes, n_classes)
    history : the columns of train/history.parquet, in the mean of the networks
    networks : what was evaluated, one or the members of an ensemble, whose probabilities are averaged
    images : the shape of the images, and how pixels become inputs
    profile : ingest/profile.json
    X, P : images that were not trained on (m, n_pixels), and what is said of them (m, n_classes)
    actual, rows : the right classes' indices (m,), and the images' numbers in train.parquet (m,)
    X_train, labels_train, rows_train : the same of the training rows, with original labels
    receipts : how the stages before this one made all that, in the order of the stages
    parameters : evaluate's own settings
    disputes : the rows about which the networks disagree most
    """

    metrics: Metrics
    confusion: NDArray[np.int64]
    history: Mapping[str, Sequence[float]]
    networks: tuple[Network, ...]
    images: ImageFormat
    profile: Profile
    X: NDArray[np.float32]
    P: NDArray[np.float32]
    actual: NDArray[np.int64]
    rows: NDArray[np.int64]
    X_train: NDArray[np.float32]
    labels_train: NDArray[Any]
    rows_train: NDArray[np.int64]
    receipts: tuple[Receipt, ...]
    parameters: Mapping[str, Any]
    disputes: tuple[Disagreement, ...] = ()

    @property
    def labels(self) -> list[str]:
        """Every class's label as text, in the order of the network's outputs."""
        return [str(each.label) for each in self.metrics.per_class]

    @property
    def with_folds(self) -> bool:
        """Whether the rows are the training rows, each judged by networks that have not seen it."""
        return any(member.fold is not None for member in self.metrics.members)

    def settings_of(self, stage: str) -> Mapping[str, Any]:
        """With which settings a stage before this one ran."""
        return next(receipt.work.parameters for receipt in self.receipts if receipt.work.stage == stage)


def worst_mistakes(P: NDArray[np.float32], actual: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of the wrong predictions, the surest first; equally sure ones by row number."""
    wrong = np.flatnonzero(P.argmax(axis=1) != actual)
    return wrong[np.lexsort((rows[wrong], -P[wrong].max(axis=1)))]


def least_sure(P: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of all rows, those first whose most probable class is least probable; then by row number."""
    return np.lexsort((rows, P.max(axis=1)))
