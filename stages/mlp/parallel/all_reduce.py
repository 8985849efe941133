"""The all-reduce: sum the gradients of all replicas, and update the parameters with the sum.

Each replica sums one share of the flat vectors, and updates this share of the parameters. This is a reduce-scatter, the
first half of an all-reduce. The second half would send the sums to all replicas. It is not needed, because the
parameters are in shared memory.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from stages.mlp.arrays import CACHE_LINE, Floats
from stages.mlp.gradient_descent.update import PIECE_SIZE, split_into_pieces
from stages.mlp.parallel.group import Group, part_of
from stages.mlp.parallel.shared_memory import SharedMemory


class AllReduce:
    """The part of replica ``index`` in the all-reduce."""

    def __init__(self, index: int, group: Group, shared: SharedMemory) -> None:
        self.index, self.group, self.shared = index, group, shared
        network = shared.network
        share = share_of(network.parameters, index, group.count)
        self._pieces = split_into_pieces(share.start, share.stop, network.architecture.n_weights)
        self._work = np.empty(PIECE_SIZE, network.parameters.dtype)

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
