"""What the replicas of a training share, in memory that all of them see."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats, shared_zeros
from stages.mlp.gradient_descent.update import Update
from stages.mlp.network import Network


class SharedMemory:
    """The network of a training, and each replica's gradient, running averages and figures.

    Attributes
    ----------
    network : the network that is trained
    update : how its parameters are updated
    gradients : each replica's, (count, n_parameters)
    statistics : each replica's running averages of batch normalisation, (count, n_statistics)
    measured : each replica's summed loss and number of right rows of the last batch, (count, 2)
    squares : the sum of squares of each replica's share of the gradient, (count,)
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
        """The running averages (n_statistics,), averaged over the replicas, which all go on with them."""
        mean: Floats = self.statistics.mean(axis=0)
        self.statistics[...] = mean
        return mean
