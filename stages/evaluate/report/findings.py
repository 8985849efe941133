"""What the report is made from, and which rows it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.documents import Metrics
from stages.evaluate.predict_rows import Disagreement, Predictions, RowsToPredict
from stages.evaluate.report.receipts import Receipt
from stages.ingest.profile import Profile
from stages.mlp import Network
from stages.shared.arrays import Inputs
from stages.split.documents import ImageFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that the page shows.

    Attributes
    ----------
    metrics : evaluate/metrics.json
    history : the columns of train/history.parquet
    networks : what was evaluated: one network, or the members of an ensemble, whose probabilities are averaged
    images : the shape of the images, and how pixels become inputs
    profile : ingest/profile.json
    predictions : of the rows that are measured, which were not trained on
    training : the training rows
    receipts : of the stages before this one, in their order
    parameters : evaluate's own settings
    disagreements : the rows on which the networks disagree most
    """

    metrics: Metrics
    history: Mapping[str, Sequence[Any]]
    networks: tuple[Network, ...]
    images: ImageFormat
    profile: Profile
    predictions: Predictions
    training: RowsToPredict
    receipts: tuple[Receipt, ...]
    parameters: Mapping[str, Any]
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def labels(self) -> list[str]:
        """Every class's label as text, in the order of the network's outputs."""
        return [str(each.label) for each in self.metrics.per_class]

    @property
    def input_range(self) -> tuple[float, float]:
        """The network's inputs for the background, which is the smaller one, and for full ink."""
        normaliser = self.images.normaliser
        ends = [(pixel - normaliser.offset) / normaliser.scale for pixel in self.profile.train.pixel_range]
        background, ink = np.clip(sorted(ends), 0, 1).tolist()
        return (background, ink) if background < ink else (0.0, 1.0)  # all images may be blank

    def image(self, x: Inputs) -> Inputs:
        """Inputs (n_pixels,) as an image (height, width) that goes from 0, the background, to 1, full ink."""
        background, ink = self.input_range
        return (x.reshape(self.images.height, self.images.width) - background) / np.float32(ink - background)

    @property
    def mean_history(self) -> dict[str, list[Any]]:
        """The history of the training: each epoch's mean over the networks that reached it."""
        epochs = np.array(self.history["epoch"])
        means: dict[str, list[Any]] = {"epoch": np.unique(epochs).tolist()}
        for name, column in self.history.items():
            if name not in {"member", "fold", "epoch", "kept"}:
                values = np.array(column, dtype=np.float64)
                means[name] = [float(values[epochs == epoch].mean()) for epoch in means["epoch"]]
        return means

    @property
    def kept_epoch(self) -> int | None:
        """The epoch that was chosen as the best; None if the last one was kept, or if there are several networks."""
        is_chosen = not self.metrics.is_unbiased and len(self.networks) == 1
        return int(self.history["epoch"][self.history["kept"].index(True)]) if is_chosen else None


def worst_mistakes(P: NDArray[np.float32], actual: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of the wrong predictions, the most confident first; ties by row number."""
    wrong = np.flatnonzero(P.argmax(axis=1) != actual)
    return wrong[np.lexsort((rows[wrong], -P[wrong].max(axis=1)))]


def least_confident(P: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of all rows, the least confident first; ties by row number."""
    return np.lexsort((rows, P.max(axis=1)))
