"""The layers with parameters or randomness of their own: dense, batch normalisation, dropout.

A layer is made for batches of exactly ``m`` rows and owns the buffers that this takes, so that a training
step allocates nothing. ``forward`` keeps what ``backward`` needs, and stands right above it.

Between dense layers the work is divided by columns. Every array that is handed around is the whole batch, but
a worker may read and write only its own columns of it, ``shard.part(n)``: those of the others may not be ready.
A dense layer takes just these as its inputs, and waits where the workers depend on each other. Such arrays lie
in memory column after column (they are made as (n, m) and transposed), so a worker's own are one block.

The batch itself and the logits are divided by rows, ``shard.rows``.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stages.mlp.memory import shared_zeros
from stages.mlp.team import Shard

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
    after_rows : X is divided by rows, being the batch or made of it by a layer that works by rows. It is whole
        once all workers have come to ``forward``, and dX is whole when ``backward`` returns
    last : Y are the logits, divided by rows
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
        after_rows: bool = False,
        last: bool = False,
        shards: int = 1,
    ) -> None:
        n_in, n_out = W.shape
        self.W, self.b, self.dW, self.db = W, b, dW, db
        self.first, self.after_rows, self.last = first, after_rows, last
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
        if self.after_rows:
            shard.wait()  # for the others' rows of X
        part = shard.part(len(self.W))
        np.matmul(X[:, part], self.W[part], out=self.terms[shard.index])
        shard.wait()  # for what the others' inputs add
        columns = slice(None) if self.last else shard.part(len(self.b))
        rows = shard.rows if self.last else slice(None)
        Y = self.Y[rows, columns]
        for term in self.terms[1:, rows, columns]:
            np.add(Y, term, out=Y)
        np.add(Y, self.b[columns], out=Y)
        return self.Y

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        self.dY = dY
        if not self.last:
            columns = shard.part(len(self.b))  # just written by this worker
            np.matmul(self.ones, dY[:, columns], out=self.db[columns])
        shard.wait()  # for the others' parts of dY
        part = shard.part(len(self.W))
        if not self.first:
            np.matmul(dY, self.W[part].T, out=self.dX[:, part])
            if self.after_rows:
                shard.wait()  # for the others' columns of dX
        return self.dX

    def gradient(self, shard: Shard) -> None:
        part = shard.part(len(self.W))
        np.matmul(self.X[:, part].T, self.dY, out=self.dW[part])
        if self.last and shard.index == shard.count - 1:
            np.matmul(self.ones, self.dY, out=self.db)


class BatchNorm:
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, over the rows of the batch.

    ``mean`` and ``variance``, (n,), are running averages for prediction. Ioffe and Szegedy (2015).
    """

    epsilon = 1e-5
    momentum = 0.1

    def __init__(
        self, m: int, gamma: Floats, beta: Floats, dgamma: Floats, dbeta: Floats, mean: Floats, variance: Floats
    ) -> None:
        self.gamma, self.beta, self.dgamma, self.dbeta = gamma, beta, dgamma, dbeta
        self.mean, self.variance = mean, variance
        n, dtype = len(gamma), gamma.dtype
        self.Xhat, self.work = np.empty((2, n, m), dtype).transpose(0, 2, 1)
        self.scale, self.small = np.empty((2, n), dtype)

    def forward(self, X: Floats, shard: Shard) -> Floats:
        part = shard.part(len(self.gamma))
        x, xhat, work = X[:, part], self.Xhat[:, part], self.work[:, part]
        scale, small = self.scale[part], self.small[part]
        np.mean(x, axis=0, out=small)
        np.subtract(x, small, out=xhat)
        np.square(xhat, out=work)
        np.mean(work, axis=0, out=scale)
        self._remember(len(X), part)
        np.add(scale, self.epsilon, out=scale)
        np.sqrt(scale, out=scale)
        np.divide(1, scale, out=scale)
        np.multiply(xhat, scale, out=xhat)
        np.multiply(xhat, self.gamma[part], out=x)
        np.add(x, self.beta[part], out=x)
        return X

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        part = shard.part(len(self.gamma))
        m, dgamma, dbeta = len(dY), self.dgamma[part], self.dbeta[part]
        dy, xhat, work, small = dY[:, part], self.Xhat[:, part], self.work[:, part], self.small[part]
        np.sum(dy, axis=0, out=dbeta)
        np.multiply(dy, xhat, out=work)
        np.sum(work, axis=0, out=dgamma)
        # With means over the batch, dX is gamma / sqrt(variance + epsilon) * (dY - mean(dY) - Xhat * mean(dY * Xhat)).
        np.divide(dgamma, m, out=small)
        np.multiply(xhat, small, out=work)
        np.subtract(dy, work, out=dy)
        np.divide(dbeta, m, out=small)
        np.subtract(dy, small, out=dy)
        np.multiply(self.scale[part], self.gamma[part], out=small)
        np.multiply(dy, small, out=dy)
        return dY

    def gradient(self, shard: Shard) -> None:
        """Found by ``backward``."""

    def _remember(self, m: int, part: slice) -> None:
        """Move the running averages towards this batch's mean, in ``small``, and unbiased variance, from ``scale``."""
        mean, variance, small = self.mean[part], self.variance[part], self.small[part]
        np.subtract(small, mean, out=small)
        np.multiply(small, self.momentum, out=small)
        np.add(mean, small, out=mean)
        np.multiply(self.scale[part], m / max(m - 1, 1), out=small)
        np.subtract(small, variance, out=small)
        np.multiply(small, self.momentum, out=small)
        np.add(variance, small, out=variance)


class Dropout:
    """Sets each value to 0 with probability ``rate`` and divides the others by 1 - rate.

    In prediction nothing is dropped. Srivastava and others (2014), in the "inverted" form.
    """

    def __init__(self, m: int, n: int, rate: float, dtype: npt.DTypeLike) -> None:
        self.rate = rate
        self.mask = np.empty((n, m), dtype).T
        self.Y = shared_zeros((n, m), dtype).T

    def forward(self, X: Floats, shard: Shard) -> Floats:
        part = shard.part(X.shape[1])
        mask = self.mask[:, part]
        shard.rng.random(dtype=mask.dtype, out=mask.T)  # it fills C order only
        np.greater_equal(mask, self.rate, out=mask)
        np.multiply(mask, 1 / (1 - self.rate), out=mask)
        np.multiply(X[:, part], mask, out=self.Y[:, part])
        return self.Y

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        part = shard.part(dY.shape[1])
        np.multiply(dY[:, part], self.mask[:, part], out=dY[:, part])
        return dY

    def gradient(self, shard: Shard) -> None:
        """Nothing to learn."""
