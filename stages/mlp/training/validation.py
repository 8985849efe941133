"""Validation after every epoch. Each replica predicts a part of the rows."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import shared_zeros
from stages.mlp.gradient_descent.losses import make_loss
from stages.mlp.network import Network
from stages.mlp.predict import chunks_of, logits_by_chunk
from stages.mlp.training.data.dataset import Dataset


class Validation:
    """Measures the loss and the accuracy of ``network`` on the rows of ``data``. ``count`` replicas share the work."""

    def __init__(self, network: Network, data: Dataset, count: int) -> None:
        self.network, self.data, self.count = network, data, count
        self.Y = np.asarray(data.Y if data.rows is None else data.Y[data.rows], network.parameters.dtype)
        n_chunks = len(chunks_of(network.architecture, len(data)))
        self.sums = shared_zeros((n_chunks, 2), np.float64)  # for each chunk: sum of losses, number of correct rows

    def measure(self, index: int) -> None:
        """Measure the chunks of replica ``index``."""
        architecture = self.network.architecture
        for k, chunk, Z in logits_by_chunk(self.network, self.data.X, index, self.count, self.data.rows):
            loss = make_loss(len(Z), architecture.n_classes, architecture.dtype)
            self.sums[k] = loss.measure(Z, self.Y[chunk])

    def loss_and_accuracy(self) -> tuple[float, float]:
        """The mean loss (without label smoothing) and the accuracy, after all replicas have measured."""
        loss, n_correct = (self.sums.sum(axis=0) / len(self.data)).tolist()
        return loss, n_correct
