"""A replica: the gradient of its rows of each mini-batch, and its part in the all-reduce, which sums all gradients.

Layers are made for a fixed number of rows. So a replica has one copy of them for each number of rows that occurs: the
last mini-batch may be smaller. All replicas share the parameters. In every step a replica waits twice: for the
gradients of the other replicas, and for their updates. Gradient clipping needs a third wait.

Each replica sums one share of the gradients, and updates this share of the parameters. This is a reduce-scatter, the
first half of an all-reduce. The second half is not needed, because the parameters are in shared memory.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np

from stages.mlp.arrays import CACHE_LINE, Floats, Rows
from stages.mlp.gradient_descent.step import Step
from stages.mlp.gradient_descent.update import PIECE_SIZE, split_into_pieces
from stages.mlp.parallel.group import Group, part_of
from stages.mlp.parallel.shared_arrays import SharedArrays


class Replica:
    """Replica ``index`` of ``group``. Its dropout draws from ``rng``."""

    def __init__(self, index: int, group: Group, shared: SharedArrays, rng: np.random.Generator) -> None:
        self.index, self.group, self.shared, self.rng = index, group, shared, rng
        network = shared.network
        views = network.parameter_views(shared.gradients[index], shared.statistics[index])
        self._step_for = cache(lambda m: Step(m, network.architecture, views, rng))
        share = share_of(network.parameters, index, group.count)
        self._pieces = split_into_pieces(share.start, share.stop, network.architecture.n_weights)
        self._work = np.empty(PIECE_SIZE, network.parameters.dtype)

    def rows_of(self, batch: Rows) -> Rows:
        """The rows of a mini-batch that this replica takes."""
        return batch[part_of(len(batch), self.index, self.group.count)]

    def step(self, X: Floats, T: Floats, n_rows: int, step: int, learning_rate: float) -> tuple[float, int]:
        """Take training step number ``step``, from 1. ``X`` and ``T`` are this replica's rows of the ``n_rows``.

        Returns the sum of losses and the number of correct rows of the whole mini-batch, before the update.
        """
        self.find_gradient(X, T, n_rows)
        self.group.wait(self.index)  # for the others' gradients
        loss, n_correct = self.shared.measured.sum(axis=0).tolist()
        self.update_share(step, learning_rate)
        self.group.wait(self.index)  # for the others' updates
        return loss, int(n_correct)

    def find_gradient(self, X: Floats, T: Floats, n_rows: int) -> None:
        """Write the gradient, the sum of losses and the number of correct rows into shared memory."""
        m = len(X)
        if m == 0:  # the mini-batch has fewer rows than there are replicas
            self.shared.gradients[self.index] = 0
            self.shared.measured[self.index] = 0
            return
        self.shared.measured[self.index] = self._step_for(m).run(X, T, n_rows)

    def update_share(self, step: int, learning_rate: float) -> None:
        """Sum all replicas' gradients of this replica's share of the parameters, and update that share."""
        update, total = self.shared.update, self.shared.gradients[0]
        is_clipped = update.clip_norm is not None
        factor = self._sum_and_find_clip_factor() if is_clipped else 1.0
        for piece, decays in self._pieces:
            g = total[piece] if is_clipped else self._sum_gradients(piece)
            if factor != 1.0:
                g *= factor
            update.apply(piece, g, self._work[: len(g)], step, learning_rate, decays=decays)

    def _sum_gradients(self, piece: slice) -> Floats:
        """Sum a piece of the gradients over all replicas. The sum overwrites the first replica's gradient."""
        total: Floats = self.shared.gradients[0, piece]
        for gradient in self.shared.gradients[1:, piece]:
            total += gradient
        return total

    def _sum_and_find_clip_factor(self) -> float:
        """Sum the whole share before the first update, because the clip factor needs the norm of the whole gradient."""
        sums = [self._sum_gradients(piece) for piece, _ in self._pieces]
        self.shared.squares[self.index] = sum(float(np.vdot(g, g)) for g in sums)
        self.group.wait(self.index)  # for the others' squares
        return self.shared.update.clip_factor(sqrt(self.shared.squares.sum()))


def share_of(vector: Floats, index: int, count: int) -> slice:
    """The share of replica ``index``. It begins at a cache line, because Adam is slower from other addresses."""
    n, line = len(vector), CACHE_LINE // vector.itemsize
    lines = part_of(-(-n // line), index, count)
    return slice(lines.start * line, min(lines.stop * line, n))
