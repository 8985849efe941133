"""A wide first layer, whose inputs are data, and mostly 0.

Of the pixels of handwritten digits three in ten are 0 in all rows of a batch, as long as they are not warped. They
add nothing to the layer's output, and the gradient of their weights is 0, so its matrix products go without them.
With fewer than LEAST_OUTPUTS outputs, taking the other inputs out costs as much as it spares.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.mlp.layers.dense import Dense, Floats
from stages.mlp.parallel.memory import shared_zeros
from stages.mlp.parallel.replicas import Shard

LEAST_OUTPUTS = 512
MOST_ALIVE = 0.8  # of a worker's inputs; if there are more, it takes all


class WideFirst(Dense):
    """Y = X W + b, without the inputs that are 0 in all rows of the batch.

    Parameters
    ----------
    m, W, b, dW, db, shards : as of ``Dense``
    """

    def __init__(self, m: int, W: Floats, b: Floats, dW: Floats, db: Floats, *, shards: int = 1) -> None:
        super().__init__(m, W, b, dW, db, first=True, gathers=True, shards=shards)
        self.is_alive = shared_zeros((shards, len(W)), bool)  # in any of each worker's rows
        # Of each worker: its inputs that are alive in any row, those that are not, and X of the former, (m, n_alive).
        self.alive, self.dead = ([np.arange(0)] * shards for _ in range(2))
        self.X_alive = [self.dX] * shards
        # Each worker's part is as long as its part of W, and is filled from the beginning.
        self.taken_X = np.empty((len(W), m), W.dtype)
        self.taken_W = np.empty_like(W)

    def forward(self, X: Floats, shard: Shard) -> Floats:
        np.any(X[shard.rows], axis=0, out=self.is_alive[shard.index])
        return super().forward(X, shard)

    def multiply(self, shard: Shard) -> None:
        k, part = shard.index, shard.part(len(self.W))
        is_alive = self.is_alive[:, part].any(axis=0)
        alive = self.alive[k] = part.start + np.flatnonzero(is_alive)
        self.dead[k] = part.start + np.flatnonzero(~is_alive)
        if not self.pays(k):
            super().multiply(shard)
            return
        X = self.X_alive[k] = take_columns(self.X, alive, self.taken_X[part])
        W = self.taken_W[part][: len(alive)]
        # mode="clip" writes straight to `out`; the default would go through a copy.
        np.take(self.W, alive, axis=0, out=W, mode="clip")
        np.matmul(X, W, out=self.terms[k])

    def gradient(self, shard: Shard) -> None:
        k, part = shard.index, shard.part(len(self.W))
        if not self.pays(k):
            super().gradient(shard)
            return
        dW = self.taken_W[part][: len(self.alive[k])]
        np.matmul(self.X_alive[k].T, self.dY, out=dW)
        self.dW[self.alive[k]] = dW
        self.dW[self.dead[k]] = 0

    def pays(self, k: int) -> bool:
        """Whether so few of worker ``k``'s inputs are alive that taking them out is quicker."""
        n_alive, n_dead = len(self.alive[k]), len(self.dead[k])
        return n_alive <= MOST_ALIVE * (n_alive + n_dead)


def take_columns(X: Floats, which: npt.NDArray[np.int64], buffer: Floats) -> Floats:
    """Those columns of ``X``, (m, n), written into ``buffer``, (at least as many, m), ordered as ``X``."""
    if X.flags.c_contiguous:
        taken = buffer.reshape(-1)[: len(X) * len(which)].reshape(len(X), len(which))
        np.take(X, which, axis=1, out=taken, mode="clip")
        return taken
    taken = buffer[: len(which)]
    np.take(X.T, which, axis=0, out=taken, mode="clip")
    return taken.T
