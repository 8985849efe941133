"""A replica: layers of its own, which find the gradient of its rows of each batch.

All replicas read the same parameters. A step has two waits, whatever the layers are: for the others' gradients, and for
the others' updates. Clipping adds one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats, Rows
from stages.mlp.gradient_descent.step import Step, Warper
from stages.mlp.parallel.all_reduce import AllReduce
from stages.mlp.parallel.group import Group, part_of
from stages.mlp.parallel.shared_memory import SharedMemory


class Replica:
    """Replica number ``index`` of a group, for one epoch: its random numbers depend on no earlier one.

    Parameters
    ----------
    group : who waits for whom
    shared : what all replicas share
    rng : what dropout and the warper draw from
    augment : makes the warper
    label_smoothing, x_dtype : as of ``Step``
    """

    def __init__(
        self,
        index: int,
        group: Group,
        shared: SharedMemory,
        rng: np.random.Generator,
        *,
        augment: Callable[[], Warper] | None = None,
        label_smoothing: float = 0.0,
        x_dtype: npt.DTypeLike = np.float32,
    ) -> None:
        network = shared.network
        self.index, self.group, self.shared = index, group, shared
        make_step = partial(
            Step,
            architecture=network.architecture,
            vectors=network.vectors(shared.gradients[index], shared.statistics[index]),
            rng=rng,
            warper=None if augment is None else augment(),
            label_smoothing=label_smoothing,
            x_dtype=x_dtype,
        )
        self._step_of = cache(make_step)  # one for each number of rows
        self.all_reduce = AllReduce(index, group, shared)

    def rows_of(self, batch: Rows) -> Rows:
        """Which rows of a batch are this replica's."""
        return batch[part_of(len(batch), self.index, self.group.count)]

    def step(self, X: Floats, Y: Floats, rows: Rows, n_rows: int, step: int, learning_rate: float) -> tuple[float, int]:
        """Step number ``step``, from 1: ``rows`` of ``X`` and ``Y`` are this replica's part of a batch of ``n_rows``.

        Returns the summed loss of the whole batch, and how many of its rows were right, before the update.
        """
        self.find_gradient(X, Y, rows, n_rows)
        self.group.wait(self.index)  # for the others' gradients
        loss, n_correct = self.shared.measured.sum(axis=0).tolist()
        self.all_reduce.update_share(step, learning_rate)
        self.group.wait(self.index)  # for the others' updates
        return loss, int(n_correct)

    def find_gradient(self, X: Floats, Y: Floats, rows: Rows, n_rows: int) -> None:
        """Write the gradient of this replica's rows, and how they did, to where all replicas see it."""
        m = len(rows)
        if m == 0:  # the batch has fewer rows than there are replicas
            self.shared.gradients[self.index] = 0
            self.shared.measured[self.index] = 0
            return
        self.shared.measured[self.index] = self._step_of(m).run(X, Y, rows, n_rows)
