"""The rows that are only looked at, after every epoch, by all workers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stages.mlp.network import KEPT_CHUNKS, Network, chunks_of
from stages.mlp.parallel.memory import forget_pages, shared_zeros
from stages.mlp.training.losses import make_loss

Floats = npt.NDArray[np.floating[Any]]


class Validation:
    """Loss and accuracy of ``network`` on rows that it is not trained on.

    Parameters
    ----------
    network : its parameters, which lie in shared memory, may change between the measurements
    X, Y : (m, n_inputs) and one-hot (m, n_classes)
    shards : how many workers share a measurement
    """

    def __init__(self, network: Network, X: Floats, Y: Floats, shards: int) -> None:
        self.network, self.X, self.Y, self.shards = network, X, Y, shards
        self.chunks = chunks_of(network.architecture, len(X))
        self.sums = shared_zeros((len(self.chunks), 2), np.float64)  # sum of losses, number of right rows

    def measure(self, index: int) -> None:
        """Worker ``index``'s share."""
        architecture = self.network.architecture
        for k in range(index, len(self.chunks), self.shards):
            Z = self.network.logits(self.X[self.chunks[k]])
            loss = make_loss(len(Z), architecture.n_classes, 0.0, architecture.dtype)
            self.sums[k] = loss.measure(Z, self.Y[self.chunks[k]])
            if k % KEPT_CHUNKS < self.shards:
                forget_pages(self.X)

    def loss_and_accuracy(self) -> tuple[float, float]:
        """Once all have measured: the mean loss (without label smoothing), and the accuracy."""
        loss, n_correct = (self.sums.sum(axis=0) / len(self.X)).tolist()
        return loss, n_correct
