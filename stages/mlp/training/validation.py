"""The rows that are only looked at, after every epoch; replicas share the work."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats, shared_zeros
from stages.mlp.gradient_descent.losses import make_loss
from stages.mlp.network import Network
from stages.mlp.predict import chunks_of, logits_by_chunk


class Validation:
    """Loss and accuracy of ``network`` on rows that it is not trained on.

    Parameters
    ----------
    network : its parameters, which lie in shared memory, may change between the measurements
    X, Y : (m, n_inputs) and one-hot (m, n_classes)
    count : how many replicas share a measurement
    """

    def __init__(self, network: Network, X: Floats, Y: Floats, count: int) -> None:
        self.network, self.X, self.Y, self.count = network, X, Y, count
        n_chunks = len(chunks_of(network.architecture, len(X)))
        self.sums = shared_zeros((n_chunks, 2), np.float64)  # of each chunk: sum of losses, number of right rows

    def measure(self, index: int) -> None:
        """Replica ``index``'s share."""
        architecture = self.network.architecture
        for k, chunk, Z in logits_by_chunk(self.network, self.X, index, self.count):
            loss = make_loss(len(Z), architecture.n_classes, 0.0, architecture.dtype)
            self.sums[k] = loss.measure(Z, self.Y[chunk])

    def loss_and_accuracy(self) -> tuple[float, float]:
        """Once all have measured: the mean loss (without label smoothing), and the accuracy."""
        loss, n_correct = (self.sums.sum(axis=0) / len(self.X)).tolist()
        return loss, n_correct
