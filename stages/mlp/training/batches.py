"""An epoch in batches, each of which the replicas share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from stages.mlp.arrays import Floats, Rows, shared_zeros
from stages.mlp.gradient_descent.step import Warper
from stages.mlp.parallel.group import Group
from stages.mlp.parallel.replica import Replica, Shared
from stages.mlp.training.checkpoint import Training
from stages.mlp.training.data.shuffling import Window, generator


class Batches:
    """Trains on batches, each shared between the replicas of a group.

    Parameters
    ----------
    training : what is trained, and on what
    group : who shares the work
    window : rows of a mapped file that are in memory at a time
    augment : makes a warper for each replica, if anything does
    """

    def __init__(
        self, training: Training, group: Group, window: int, augment: Callable[[], Warper] | None = None
    ) -> None:
        self.training, self.group, self.window, self.augment = training, group, window, augment
        self.last = shared_zeros(1, np.int64)  # number of the epoch's last batch
        self.last[0] = training.n_epoch_steps - 1
        self.is_read_in_windows = isinstance(training.X, np.memmap) and len(training.rows) > window
        self.shared = Shared(training.network, training.state, training.recipe.update, group.count)
        # Made when the first epoch begins: by then each replica is in its own process, and so is its memory.
        self.replicas: dict[int, Replica] = {}
        self.windows: dict[int, Window] = {}

    def steps(
        self, order: Rows, index: int, number: int, is_late: Callable[[], bool]
    ) -> Iterator[tuple[float, int, int, float]]:
        """Replica ``index``'s share of epoch ``number``, on the rows in this ``order``, (m_rows,).

        After each step come the batch's summed loss, how many of its rows were right, how many it has, and the learning
        rate. The epoch ends early if ``is_late`` says so to replica 0.
        """
        if index not in self.replicas:
            self.replicas[index] = Replica(
                index,
                self.group,
                self.shared,
                warper=self.augment() if self.augment else None,
                label_smoothing=self.training.recipe.label_smoothing,
                x_dtype=self.training.X.dtype,
            )
        replica, training = self.replicas[index], self.training
        replica.begin_epoch(generator(training.recipe.seed, number, index))
        for k, (X, Y, rows, n_rows) in enumerate(self.batches(order, replica)):
            # Set by one replica before it waits for the others, read by all afterwards.
            if index == 0 and is_late():
                self.last[0] = k
            when = training.when((number - 1) * training.n_epoch_steps + k)
            loss, n_correct = replica.step(X, Y, rows, n_rows, when)
            yield loss, n_correct, n_rows, when.learning_rate
            if k == self.last[0]:
                break
        if index == 0:
            training.network.statistics[...] = self.shared.mean_statistics()

    def batches(self, order: Rows, replica: Replica) -> Iterator[tuple[Floats, Floats, Rows, int]]:
        """Where the rows and the labels of each batch are, which of them are the replica's, and how many all have."""
        size, X, Y = self.training.recipe.batch_size, self.training.X, self.training.Y
        for first in range(0, len(order), self.window):
            stop = min(first + self.window, len(order))
            batches = [order[start : min(start + size, stop)] for start in range(first, stop, size)]
            own = [replica.rows_of(batch) for batch in batches]
            if self.is_read_in_windows:
                if replica.index not in self.windows:
                    self.windows[replica.index] = Window(self.training.X, self.training.Y, sum(map(len, own)))
                X, Y, places = self.windows[replica.index].load(np.concatenate(own))
                own = np.split(places, np.cumsum([len(rows) for rows in own])[:-1])
            for batch, rows in zip(batches, own, strict=True):
                yield X, Y, rows, len(batch)
