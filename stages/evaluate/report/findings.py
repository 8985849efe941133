"""What the report is made from, and which rows it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.documents import Metrics
from stages.evaluate.out_of_fold import Disagreement
from stages.evaluate.report.receipts import Receipt
from stages.ingest.profile import Profile
from stages.mlp import Network
from stages.split.documents import ImageFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that the page shows.

    Attributes
    ----------
    metrics : evaluate/metrics.json
    confusion : how often each actual class (line) was predicted as each class (column): (n_classes, n_classes)
    history : the columns of train/history.parquet, averaged over the networks
    kept_epochs : of each network, the number of the epoch whose weights were kept
    networks : what was evaluated: one network, or the members of an ensemble, whose probabilities are averaged
    images : the shape of the images, and how pixels become inputs
    profile : ingest/profile.json
    X, P : images that were not trained on (m, n_pixels), and their predicted probabilities (m, n_classes)
    actual, rows : the indices of the right classes (m,), and the images' numbers in train.parquet (m,)
    X_train, labels_train, rows_train : images, labels and row numbers of the training rows
    receipts : of the stages before this one, in their order
    parameters : evaluate's own settings
    disagreements : the rows on which the networks disagree most
    """

    metrics: Metrics
    confusion: NDArray[np.int64]
    history: Mapping[str, Sequence[float]]
    kept_epochs: tuple[int, ...]
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
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def labels(self) -> list[str]:
        """Every class's label as text, in the order of the network's outputs."""
        return [str(each.label) for each in self.metrics.per_class]

    @property
    def with_folds(self) -> bool:
        """Whether the rows are the training rows, each predicted by the networks that were not trained on it."""
        return any(member.fold is not None for member in self.metrics.members)

    @property
    def input_range(self) -> tuple[float, float]:
        """The network's inputs for the background, which is the smaller one, and for full ink."""
        normaliser = self.images.normaliser
        ends = [(pixel - normaliser.offset) / normaliser.scale for pixel in self.profile.train.pixel_range]
        background, ink = np.clip(sorted(ends), 0, 1).tolist()
        return (background, ink) if background < ink else (0.0, 1.0)  # all images may be blank

    def image(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Inputs (n_pixels,) as an image (height, width) that goes from 0, the background, to 1, full ink."""
        background, ink = self.input_range
        return (x.reshape(self.images.height, self.images.width) - background) / np.float32(ink - background)

    @property
    def kept_epoch(self) -> int | None:
        """The epoch that was chosen as the best; None if the last one was kept, or if there are several networks."""
        return None if self.metrics.is_unbiased or len(self.kept_epochs) > 1 else self.kept_epochs[0]


def worst_mistakes(P: NDArray[np.float32], actual: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of the wrong predictions, the most confident first; ties by row number."""
    wrong = np.flatnonzero(P.argmax(axis=1) != actual)
    return wrong[np.lexsort((rows[wrong], -P[wrong].max(axis=1)))]


def least_confident(P: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of all rows, the least confident first; ties by row number."""
    return np.lexsort((rows, P.max(axis=1)))
