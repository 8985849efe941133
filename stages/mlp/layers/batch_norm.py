"""Batch normalisation: each channel gets mean 0 and variance 1 over the batch, then a learned scale and shift."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats
from stages.mlp.layers.feature_maps import by_channel


class BatchNorm:
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    Ioffe and Szegedy, "Batch normalization" (2015). In training mean and variance are the batch's; running averages of
    them serve prediction. A channel is a column of rows (m, n), or all places of a feature map (height, n, width, m).

    Parameters
    ----------
    gamma, beta : scale and shift, (n,)
    dgamma, dbeta : where their gradients are written, (n,)
    mean, variance : the running averages, (n,)
    shape : of a batch
    """

    epsilon = 1e-5
    momentum = 0.1  # of the running averages: the share that a batch adds

    def __init__(
        self,
        gamma: Floats,
        beta: Floats,
        dgamma: Floats,
        dbeta: Floats,
        mean: Floats,
        variance: Floats,
        *,
        shape: tuple[int, ...],
    ) -> None:
        self.gamma, self.beta, self.dgamma, self.dbeta = gamma, beta, dgamma, dbeta
        self.mean, self.variance = mean, variance
        self.centred = np.empty(shape, gamma.dtype)  # X - mean, kept from forward to backward
        self.deviation: Floats  # of each channel, (n,)
        self.n_values = self.centred.size // len(gamma)  # of a channel in a batch

    def forward(self, X: Floats) -> Floats:
        x, centred = by_channel(X), by_channel(self.centred)
        mean = np.add.reduce(x, axis=(0, 2)) / self.n_values
        np.subtract(x, mean[:, None], out=centred)
        variance = sum_of_products(centred, centred) / self.n_values
        self._remember(mean, variance)
        self.deviation = np.sqrt(variance + self.epsilon)
        np.multiply(centred, (self.gamma / self.deviation)[:, None], out=x)
        x += self.beta[:, None]
        return X

    def backward(self, dY: Floats) -> Floats:
        dy, centred, n = by_channel(dY), by_channel(self.centred), self.n_values
        np.add.reduce(dy, axis=(0, 2), out=self.dbeta)
        np.divide(sum_of_products(dy, centred), self.deviation, out=self.dgamma)
        # With Xhat = (X - mean) / deviation: dX = gamma / deviation (dY - dbeta / n - Xhat dgamma / n).
        centred *= (self.dgamma / self.deviation / n)[:, None]
        dy -= centred
        dy -= (self.dbeta / n)[:, None]
        dy *= (self.gamma / self.deviation)[:, None]
        return dY

    def predict(self, X: Floats) -> Floats:
        x, scale = by_channel(X), self.gamma / np.sqrt(self.variance + self.epsilon)
        x *= scale[:, None]
        x += (self.beta - self.mean * scale)[:, None]
        return X

    def _remember(self, mean: Floats, variance: Floats) -> None:
        """Move the running averages towards a batch's mean and its unbiased variance, each (n,)."""
        if self.n_values > 1:  # of a single value there is no variance
            self.mean += self.momentum * (mean - self.mean)
            self.variance += self.momentum * (variance * (self.n_values / (self.n_values - 1)) - self.variance)


def sum_of_products(A: Floats, B: Floats) -> Floats:
    """For each channel the sum of A B over all its values: (k, n, places) -> (n,)."""
    sums: Floats = np.einsum("knp,knp->n", A, B) if A.shape[2] == 1 else np.add.reduce(np.vecdot(A, B), axis=0)
    return sums
