"""A replica computes the gradient of its rows of each mini-batch.

It has a copy of the network's layers for each number of rows. All replicas share the parameters. In every step a
replica waits twice: for the gradients of the other replicas, and for their updates. Gradient clipping needs a third
wait.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from stages.mlp.arrays import Floats, Rows
from stages.mlp.gradient_descent.step import Step
from stages.mlp.parallel.all_reduce import AllReduce
from stages.mlp.parallel.group import Group, part_of
from stages.mlp.parallel.shared_memory import SharedMemory


class Replica:
    """Replica ``index`` of ``group``, for one epoch. ``make_step`` makes the ``Step`` for a number of rows."""

    def __init__(self, index: int, group: Group, shared: SharedMemory, make_step: Callable[[int], Step]) -> None:
        self.index, self.group, self.shared = index, group, shared
        self._step_for = cache(make_step)
        self.all_reduce = AllReduce(index, group, shared)

    def rows_of(self, batch: Rows) -> Rows:
        """The rows of a mini-batch that this replica takes."""
        return batch[part_of(len(batch), self.index, self.group.count)]

    def step(self, X: Floats, Y: Floats, rows: Rows, n_rows: int, step: int, learning_rate: float) -> tuple[float, int]:
        """Take step ``step``, from 1. The mini-batch has ``n_rows`` rows; ``rows`` are the indices of this replica's.

        Returns the sum of losses and the number of correct rows of the whole mini-batch, before the update.
        """
        self.find_gradient(X, Y, rows, n_rows)
        self.group.wait(self.index)  # for the others' gradients
        loss, n_correct = self.shared.measured.sum(axis=0).tolist()
        self.all_reduce.update_share(step, learning_rate)
        self.group.wait(self.index)  # for the others' updates
        return loss, int(n_correct)

    def find_gradient(self, X: Floats, Y: Floats, rows: Rows, n_rows: int) -> None:
        """Write the gradient, the sum of losses and the number of correct rows into shared memory."""
        m = len(rows)
        if m == 0:  # the mini-batch has fewer rows than there are replicas
            self.shared.gradients[self.index] = 0
            self.shared.measured[self.index] = 0
            return
        self.shared.measured[self.index] = self._step_for(m).run(X, Y, rows, n_rows)
