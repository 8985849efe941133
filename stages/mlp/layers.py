"""The layers with parameters or randomness of their own: dense, batch normalisation, dropout.

A layer is made for batches of exactly ``m`` rows and owns the buffers that this takes, so that a training
step allocates nothing. Every array that is handed around is the whole batch; ``shard.rows`` says which part
of it the calling worker works on. ``forward`` keeps what ``backward`` needs, and stands right above it.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from stages.mlp.memory import shared_zeros
from stages.mlp.team import Shard

Floats = npt.NDArray[np.floating[Any]]


class Layer(Protocol):
    """What a training step asks of a layer. With several shards, each worker calls it for its own rows."""

    def forward(self, X: Floats, shard: Shard) -> Floats:
        """(m, n_in) -> (m, n_out). The input may be overwritten."""

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        """The loss's gradient by the output, (m, n_out) -> the gradient by the input, (m, n_in)."""

    def gradient(self, shard: Shard) -> None:
        """Write the shard's part of the gradient by the parameters; every shard's backward is over."""


class Dense:
    """Y = X W + b.

    Parameters
    ----------
    m : rows of a batch
    W, b : (n_in, n_out) and (n_out,)
    dW, db : where their gradients are written, the same shapes
    first : this is the first layer; nobody asks for the gradient by its input
    order : in which the input lies in memory, and the gradient by it is to lie
    """

    def __init__(
        self,
        m: int,
        W: Floats,
        b: Floats,
        dW: Floats,
        db: Floats,
        *,
        first: bool = False,
        order: Literal["C", "F"] = "C",
    ) -> None:
        n_in, n_out = W.shape
        self.W, self.b, self.dW, self.db = W, b, dW, db
        self.ones = np.ones(m, W.dtype)
        self.X = self.dY = np.empty((0, 0), W.dtype)  # the whole batch's, kept from forward and backward
        self.Y = shared_zeros((m, n_out), W.dtype)
        m_dX = 0 if first else m
        self.dX = shared_zeros((m_dX, n_in), W.dtype) if order == "C" else shared_zeros((n_in, m_dX), W.dtype).T

    def forward(self, X: Floats, shard: Shard) -> Floats:
        self.X = X
        Y = self.Y[shard.rows]
        np.matmul(X[shard.rows], self.W, out=Y)
        np.add(Y, self.b, out=Y)
        return self.Y

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        self.dY = dY
        if len(self.dX):
            np.matmul(dY[shard.rows], self.W.T, out=self.dX[shard.rows])
        return self.dX

    def gradient(self, shard: Shard) -> None:
        # Divided by inputs, not by rows of the batch: no sum over shards is needed.
        part = shard.part_of_matrix(self.W.shape)
        if part.stop > part.start:
            np.matmul(self.X[:, part].T, self.dY, out=self.dW[part])
        if shard.index == shard.count - 1:
            np.matmul(self.ones, self.dY, out=self.db)


class BatchNorm:
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, over the rows of the batch.

    The statistics are those of the whole batch, whatever the number of shards: each shard finds mean and
    squared deviations of its own rows, and all combine them in the same order (Chan, Golub and LeVeque,
    1979). ``mean`` and ``variance``, (n,), are running averages for prediction. Ioffe and Szegedy (2015).
    """

    epsilon = 1e-5
    momentum = 0.1

    def __init__(
        self,
        m: int,
        gamma: Floats,
        beta: Floats,
        dgamma: Floats,
        dbeta: Floats,
        mean: Floats,
        variance: Floats,
        *,
        shards: int = 1,
    ) -> None:
        self.gamma, self.beta, self.dgamma, self.dbeta = gamma, beta, dgamma, dbeta
        self.mean, self.variance = mean, variance
        n, dtype = len(gamma), gamma.dtype
        self.Xhat = np.empty((m, n), dtype)
        self.work = np.empty((m, n), dtype)
        # Row by row what each shard found; (shards, n).
        self.means, self.squares = shared_zeros((2, shards, n), dtype)
        self.dgammas, self.dbetas = shared_zeros((2, shards, n), dtype)
        # Every shard's own copy of the batch's figures; (shards, n).
        self.centre, self.scale, self.small = np.empty((3, shards, n), dtype)

    def forward(self, X: Floats, shard: Shard) -> Floats:
        i, rows, m = shard.index, shard.rows, len(X)
        x, xhat, work = X[rows], self.Xhat[rows], self.work[rows]
        if len(x):
            np.mean(x, axis=0, out=self.means[i])
            np.subtract(x, self.means[i], out=xhat)
            np.square(xhat, out=work)
            np.sum(work, axis=0, out=self.squares[i])
        shard.wait()
        centre, scale, small = self.centre[i], self.scale[i], self.small[i]
        self._combine(shard, m, centre, scale, small)
        if i == 0:
            self._remember(m, centre, scale, small)
        np.add(scale, self.epsilon, out=scale)
        np.sqrt(scale, out=scale)
        np.divide(1, scale, out=scale)
        np.subtract(x, centre, out=xhat)
        np.multiply(xhat, scale, out=xhat)
        np.multiply(xhat, self.gamma, out=x)
        np.add(x, self.beta, out=x)
        return X

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        i, rows, m = shard.index, shard.rows, len(dY)
        dy, xhat, work, small = dY[rows], self.Xhat[rows], self.work[rows], self.small[i]
        np.sum(dy, axis=0, out=self.dbetas[i])
        np.multiply(dy, xhat, out=work)
        np.sum(work, axis=0, out=self.dgammas[i])
        shard.wait()
        # With means over the batch, dX is gamma / sqrt(variance + epsilon) * (dY - mean(dY) - Xhat * mean(dY * Xhat)).
        np.sum(self.dgammas, axis=0, out=small)
        np.divide(small, m, out=small)
        np.multiply(xhat, small, out=work)
        np.subtract(dy, work, out=dy)
        np.sum(self.dbetas, axis=0, out=small)
        np.divide(small, m, out=small)
        np.subtract(dy, small, out=dy)
        np.multiply(self.scale[i], self.gamma, out=small)
        np.multiply(dy, small, out=dy)
        return dY

    def gradient(self, shard: Shard) -> None:
        if shard.index == shard.count - 1:
            np.sum(self.dgammas, axis=0, out=self.dgamma)
            np.sum(self.dbetas, axis=0, out=self.dbeta)

    def _combine(self, shard: Shard, m: int, centre: Floats, scale: Floats, small: Floats) -> None:
        """The batch's mean into ``centre`` and its variance (the sum of squares by m) into ``scale``."""
        centre.fill(0)
        scale.fill(0)
        seen = 0
        for k in range(shard.count):
            count = m * (k + 1) // shard.count - m * k // shard.count
            if count:
                seen += count
                np.subtract(self.means[k], centre, out=small)
                # scale += squares + small**2 * (seen - count) * count / seen, then centre += small * count / seen
                np.add(scale, self.squares[k], out=scale)
                np.multiply(small, count / seen, out=small)
                np.add(centre, small, out=centre)
                np.square(small, out=small)
                np.multiply(small, (seen - count) * seen / count, out=small)
                np.add(scale, small, out=scale)
        np.divide(scale, m, out=scale)

    def _remember(self, m: int, centre: Floats, variance: Floats, small: Floats) -> None:
        """Move the running averages towards this batch's mean and its unbiased variance."""
        np.subtract(centre, self.mean, out=small)
        np.multiply(small, self.momentum, out=small)
        np.add(self.mean, small, out=self.mean)
        np.multiply(variance, m / max(m - 1, 1), out=small)
        np.subtract(small, self.variance, out=small)
        np.multiply(small, self.momentum, out=small)
        np.add(self.variance, small, out=self.variance)


class Dropout:
    """Sets each value to 0 with probability ``rate`` and divides the others by 1 - rate.

    In prediction nothing is dropped. Srivastava and others (2014), in the "inverted" form.
    """

    def __init__(self, m: int, n: int, rate: float, dtype: npt.DTypeLike) -> None:
        self.rate = rate
        self.mask = np.empty((m, n), dtype)
        self.Y = shared_zeros((m, n), dtype)

    def forward(self, X: Floats, shard: Shard) -> Floats:
        mask = self.mask[shard.rows]
        shard.rng.random(dtype=mask.dtype, out=mask)
        np.greater_equal(mask, self.rate, out=mask)
        np.multiply(mask, 1 / (1 - self.rate), out=mask)
        np.multiply(X[shard.rows], mask, out=self.Y[shard.rows])
        return self.Y

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        np.multiply(dY[shard.rows], self.mask[shard.rows], out=dY[shard.rows])
        return dY

    def gradient(self, shard: Shard) -> None:
        """Nothing to learn."""
