"""The rows that are only looked at, after every epoch; replicas share the work."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import shared_zeros
from stages.mlp.gradient_descent.losses import make_loss
from stages.mlp.network import Network
from stages.mlp.predict import chunks_of, logits_by_chunk
from stages.mlp.training.data.dataset import Dataset


class Validation:
    """Loss and accuracy of ``network`` on rows that it is not trained on.

    Parameters
    ----------
    network : its parameters, which lie in shared memory, may change between the measurements
    data : these rows
    count : how many replicas share a measurement
    """

    def __init__(self, network: Network, data: Dataset, count: int) -> None:
        self.network, self.data, self.count = network, data, count
        self.Y = np.asarray(data.Y if data.rows is None else data.Y[data.rows], network.parameters.dtype)
        n_chunks = len(chunks_of(network.architecture, len(data)))
        self.sums = shared_zeros((n_chunks, 2), np.float64)  # of each chunk: sum of losses, number of right rows

    def measure(self, index: int) -> None:
        """Replica ``index``'s share."""
        architecture = self.network.architecture
        for k, chunk, Z in logits_by_chunk(self.network, self.data.X, index, self.count, self.data.rows):
            loss = make_loss(len(Z), architecture.n_classes, 0.0, architecture.dtype)
            self.sums[k] = loss.measure(Z, self.Y[chunk])

    def loss_and_accuracy(self) -> tuple[float, float]:
        """Once all have measured: the mean loss (without label smoothing), and the accuracy."""
        loss, n_correct = (self.sums.sum(axis=0) / len(self.data)).tolist()
        return loss, n_correct
