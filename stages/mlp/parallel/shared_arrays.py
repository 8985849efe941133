"""The arrays that all replicas of a training share."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats, shared_zeros
from stages.mlp.gradient_descent.update import Update
from stages.mlp.network import Network


class SharedArrays:
    """The network, its ``Update``, and arrays with one row for each replica.

    Attributes
    ----------
    gradients : its gradient, (count, n_parameters)
    statistics : its running averages of batch normalisation, (count, n_statistics)
    measured : its sum of losses and its number of correct rows in the last mini-batch, (count, 2)
    squares : the sum of squares of its share of the summed gradient, (count,)
    """

    def __init__(self, network: Network, update: Update, count: int) -> None:
        self.network, self.update = network, update
        dtype = network.parameters.dtype
        self.gradients = shared_zeros((count, network.parameters.size), dtype)
        self.statistics = shared_zeros((count, network.statistics.size), dtype)
        self.statistics[...] = network.statistics
        self.measured = shared_zeros((count, 2), np.float64)
        self.squares = shared_zeros(count, np.float64)

    def mean_statistics(self) -> Floats:
        """Average the running averages over the replicas, and give all replicas this mean, (n_statistics,).

        A replica without rows in this epoch still has the averages of the network. It does not count.
        """
        is_updated = (self.statistics != self.network.statistics).any(axis=1)
        mean: Floats = self.statistics[is_updated].mean(axis=0) if is_updated.any() else self.statistics[0]
        self.statistics[...] = mean
        return mean
