"""The layers with parameters or randomness of their own: dense, batch normalisation, dropout.

A layer is made for batches of exactly ``m`` rows and owns the buffers that this takes, so that a training
step allocates nothing. ``forward`` keeps what ``backward`` needs, and stands right above it.

Between the layers the work is divided by columns. Every array that is handed around is the whole batch, but a
worker may read and write only its own columns of it, ``shard.own(X)``: those of the others may not be ready.
A dense layer takes just these as its inputs, and waits where the workers depend on each other. Such arrays lie
in memory column after column (they are made as (n, m) and transposed), so a worker's own are one block.

What a convolution makes has columns that belong together, all places of a channel; a worker owns whole channels.
Behind a dense layer every column is a channel of its own. The batch itself and the logits are divided by rows,
``shard.rows``.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stages.mlp.parallel.memory import shared_zeros
from stages.mlp.parallel.replicas import Shard

Floats = npt.NDArray[np.floating[Any]]


class Layer(Protocol):
    """What a training step asks of a layer. With several shards, each worker calls it for its own part."""

    def forward(self, X: Floats, shard: Shard) -> Floats:
        """(m, n_in) -> (m, n_out). The input may be overwritten."""

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        """The loss's gradient by the output, (m, n_out) -> the gradient by the input, (m, n_in)."""

    def gradient(self, shard: Shard) -> None:
        """Write what ``backward`` has not yet written of the shard's part of the gradient by the parameters.

        Every shard has come to the first layer's backward. A layer that needs more must wait for it.
        """


class Dense:
    """Y = X W + b.

    Worker k owns some of the inputs, and with them rows of W: it alone reads and changes them, so they stay in
    its core's cache. Forward, each finds what its inputs add to all outputs, and then sums its part of the
    outputs over the workers. Backward, each needs dY whole, and finds dX and dW for its own inputs.

    Parameters
    ----------
    m : rows of a batch
    W, b : (n_in, n_out) and (n_out,)
    dW, db : where their gradients are written, the same shapes
    first : this is the first layer; nobody asks for the gradient by its input
    gathers : X is divided otherwise than between dense layers: by rows, as the batch, or by channels of many
        columns. It is whole once all workers have come to ``forward``, and dX is whole when ``backward`` returns
    last : Y are the logits, divided by rows
    shards : how many workers share the batch
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
        gathers: bool = False,
        last: bool = False,
        shards: int = 1,
    ) -> None:
        n_in, n_out = W.shape
        self.W, self.b, self.dW, self.db = W, b, dW, db
        self.first, self.gathers, self.last = first, gathers, last
        self.ones = np.ones(m, W.dtype)
        self.X = self.dY = np.empty((0, 0), W.dtype)  # the whole batch's, kept from forward and backward
        # What each worker's inputs add to the outputs, (shards, m, n_out); the sum comes to lie in the first.
        if last:
            self.terms = shared_zeros((shards, m, n_out), W.dtype)
        else:
            self.terms = shared_zeros((shards, n_out, m), W.dtype).transpose(0, 2, 1)
        self.Y: Floats = self.terms[0]
        self.dX = shared_zeros((n_in, 0 if first else m), W.dtype).T

    def forward(self, X: Floats, shard: Shard) -> Floats:
        self.X = X
        if self.gathers:
            shard.wait()  # for the others' parts of X
        self.multiply(shard)
        shard.wait()  # for what the others' inputs add
        columns = slice(None) if self.last else shard.part(len(self.b))
        rows = shard.rows if self.last else slice(None)
        Y = self.Y[rows, columns]
        for term in self.terms[1:, rows, columns]:
            np.add(Y, term, out=Y)
        np.add(Y, self.b[columns], out=Y)
        return self.Y

    def multiply(self, shard: Shard) -> None:
        """Find what the shard's inputs add to all outputs."""
        part = shard.part(len(self.W))
        np.matmul(self.X[:, part], self.W[part], out=self.terms[shard.index])

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        self.dY = dY
        if not self.last:
            columns = shard.part(len(self.b))  # just written by this worker
            np.matmul(self.ones, dY[:, columns], out=self.db[columns])
        shard.wait()  # for the others' parts of dY
        part = shard.part(len(self.W))
        if not self.first:
            np.matmul(dY, self.W[part].T, out=self.dX[:, part])
            if self.gathers:
                shard.wait()  # for the others' columns of dX
        return self.dX

    def gradient(self, shard: Shard) -> None:
        part = shard.part(len(self.W))
        np.matmul(self.X[:, part].T, self.dY, out=self.dW[part])
        if self.last and shard.index == shard.count - 1:
            np.matmul(self.ones, self.dY, out=self.db)


class BatchNorm:
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, channel by channel, over its places in all rows.

    ``mean`` and ``variance``, (n_channels,), are running averages for prediction. Ioffe and Szegedy (2015).

    Parameters
    ----------
    m : rows of a batch
    gamma, beta, dgamma, dbeta, mean, variance : (n_channels,)
    places : columns of X that belong to a channel; 1 behind a dense layer
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
        places: int = 1,
    ) -> None:
        self.gamma, self.beta, self.dgamma, self.dbeta = gamma, beta, dgamma, dbeta
        self.mean, self.variance = mean, variance
        n, dtype = len(gamma), gamma.dtype
        self.Xhat, self.work = np.empty((2, n, places, m), dtype)  # by channel
        self.scale, self.small = np.empty((2, n), dtype)

    def forward(self, X: Floats, shard: Shard) -> Floats:
        part = shard.part(len(self.gamma))
        x, xhat = shard.own(X, len(self.gamma)), self.Xhat[part]  # (channels, places, m)
        scale, small, n = self.scale[part], self.small[part], self.Xhat[0].size
        np.mean(x, axis=(1, 2), out=small)
        np.subtract(x, by_channel(small), out=xhat)
        np.vecdot(xhat.reshape(-1, n), xhat.reshape(-1, n), out=scale)
        np.divide(scale, n, out=scale)
        self._remember(n, part)
        np.add(scale, self.epsilon, out=scale)
        np.sqrt(scale, out=scale)
        np.divide(1, scale, out=scale)
        np.multiply(xhat, by_channel(scale), out=xhat)
        np.multiply(xhat, by_channel(self.gamma[part]), out=x)
        np.add(x, by_channel(self.beta[part]), out=x)
        return X

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        part = shard.part(len(self.gamma))
        dy, xhat, work = shard.own(dY, len(self.gamma)), self.Xhat[part], self.work[part]  # (channels, places, m)
        small, dgamma, dbeta = self.small[part], self.dgamma[part], self.dbeta[part]
        n = self.Xhat[0].size
        np.sum(dy, axis=(1, 2), out=dbeta)
        np.vecdot(dy.reshape(-1, n), xhat.reshape(-1, n), out=dgamma)
        # With means over n values, dX is gamma / sqrt(variance + epsilon) * (dY - mean(dY) - Xhat * mean(dY * Xhat)).
        np.divide(dgamma, n, out=small)
        np.multiply(xhat, by_channel(small), out=work)
        np.subtract(dy, work, out=dy)
        np.divide(dbeta, n, out=small)
        np.subtract(dy, by_channel(small), out=dy)
        np.multiply(self.scale[part], self.gamma[part], out=small)
        np.multiply(dy, by_channel(small), out=dy)
        return dY

    def gradient(self, shard: Shard) -> None:
        """Found by ``backward``."""

    def _remember(self, n: int, part: slice) -> None:
        """Move the running averages towards this batch's mean, in ``small``, and unbiased variance, from ``scale``."""
        mean, variance, small = self.mean[part], self.variance[part], self.small[part]
        np.subtract(small, mean, out=small)
        np.multiply(small, self.momentum, out=small)
        np.add(mean, small, out=mean)
        np.multiply(self.scale[part], n / max(n - 1, 1), out=small)
        np.subtract(small, variance, out=small)
        np.multiply(small, self.momentum, out=small)
        np.add(variance, small, out=variance)


def by_channel(values: Floats) -> Floats:
    """One value a channel, (n_channels,), for every place and row: (n_channels, 1, 1)."""
    return values[:, None, None]


class Dropout:
    """Sets each value to 0 with probability ``rate`` and divides the others by 1 - rate.

    In prediction nothing is dropped. Srivastava and others (2014), in the "inverted" form.

    Parameters
    ----------
    m, n : shape of a batch
    rate : the probability
    dtype : of the values
    n_channels : of what the n columns are; each is one unless said
    """

    def __init__(self, m: int, n: int, rate: float, dtype: npt.DTypeLike, *, n_channels: int | None = None) -> None:
        self.rate, self.n_channels = rate, n_channels or n
        self.mask = np.empty((self.n_channels, n // self.n_channels, m), dtype)
        self.Y = shared_zeros((n, m), dtype).T

    def forward(self, X: Floats, shard: Shard) -> Floats:
        mask = self.mask[shard.part(self.n_channels)]
        shard.rng.random(dtype=mask.dtype, out=mask)
        np.greater_equal(mask, self.rate, out=mask)
        np.multiply(mask, 1 / (1 - self.rate), out=mask)
        np.multiply(shard.own(X, self.n_channels), mask, out=shard.own(self.Y, self.n_channels))
        return self.Y

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        dy = shard.own(dY, self.n_channels)
        np.multiply(dy, self.mask[shard.part(self.n_channels)], out=dy)
        return dY

    def gradient(self, shard: Shard) -> None:
        """Nothing to learn."""
