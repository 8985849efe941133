"""Batch normalisation: each channel is normalised to mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats
from stages.mlp.layers.feature_maps import by_channel


class BatchNorm:
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, for each channel.

    Ioffe and Szegedy, "Batch normalization" (2015). Training uses the mean and the variance of the m rows that it gets.
    Prediction uses running averages of these. For rows (m, n) a channel is a column. For feature maps
    (height, n, width, m) a channel is one map, in all rows.

    Parameters
    ----------
    gamma, beta : scale and shift, (n,)
    dgamma, dbeta : buffers for their gradients, (n,)
    mean, variance : the running averages, (n,)
    shape : shape of a mini-batch
    """

    epsilon = 1e-5
    momentum = 0.1  # weight of the mini-batch in the running averages

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
        self.deviation: Floats  # sqrt(variance + epsilon), (n,)
        self.n_values = self.centred.size // len(gamma)  # values per channel in a mini-batch

    def forward(self, X: Floats) -> Floats:
        x, centred = by_channel(X), by_channel(self.centred)
        mean = x.sum(axis=(0, 2)) / self.n_values
        np.subtract(x, mean[:, None], out=centred)
        variance = sum_of_products(centred, centred) / self.n_values
        self._update_averages(mean, variance)
        self.deviation = np.sqrt(variance + self.epsilon)
        np.multiply(centred, (self.gamma / self.deviation)[:, None], out=x)
        x += self.beta[:, None]
        return X

    def backward(self, dY: Floats) -> Floats:
        dy, centred, n = by_channel(dY), by_channel(self.centred), self.n_values
        dy.sum(axis=(0, 2), out=self.dbeta)
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

    def _update_averages(self, mean: Floats, variance: Floats) -> None:
        """Update the running averages with the mini-batch's mean and its unbiased variance, each (n,)."""
        if self.n_values > 1:  # a single value has no unbiased variance
            self.mean += self.momentum * (mean - self.mean)
            self.variance += self.momentum * (variance * (self.n_values / (self.n_values - 1)) - self.variance)


def sum_of_products(A: Floats, B: Floats) -> Floats:
    """The sum of A B for each channel: (k, n, places) -> (n,)."""
    sums: Floats = np.einsum("knp,knp->n", A, B) if A.shape[2] == 1 else np.vecdot(A, B).sum(axis=0)
    return sums
