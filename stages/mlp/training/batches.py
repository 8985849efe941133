"""An epoch in batches, of which each replica takes its part."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from stages.mlp.arrays import Floats, Rows
from stages.mlp.parallel.replica import Replica
from stages.mlp.training.data.shuffling import Window
from stages.mlp.training.training_state import TrainingState


class Batches:
    """Trains on a replica's part of each batch.

    Parameters
    ----------
    training : the network, the recipe and the rows
    make_replica : makes the replica for an epoch, of the epoch's number
    last_batch : the number of the epoch's last batch, (1,), in memory that all replicas share
    window_rows : rows of a mapped file that are in memory at a time
    """

    def __init__(
        self, training: TrainingState, make_replica: Callable[[int], Replica], last_batch: Rows, window_rows: int
    ) -> None:
        self.training, self.make_replica = training, make_replica
        self.last_batch, self.window_rows = last_batch, window_rows
        self.is_read_in_windows = isinstance(training.X, np.memmap) and len(training.rows) > window_rows
        self.window: Window | None = None

    def steps(self, order: Rows, number: int, is_late: Callable[[], bool]) -> Iterator[tuple[float, int, int, float]]:
        """Epoch ``number``, on the rows in this ``order``, (m_rows,).

        After each step come the batch's summed loss, how many of its rows were right, how many it has, and the learning
        rate. The epoch ends early if ``is_late`` says so to replica 0.
        """
        training, replica = self.training, self.make_replica(number)
        for k, (X, Y, rows, n_rows) in enumerate(self.batches(order, replica)):
            # Set by one replica before it waits for the others, read by all afterwards.
            if replica.index == 0 and is_late():
                self.last_batch[0] = k
            step = (number - 1) * training.n_epoch_steps + k
            learning_rate = training.learning_rate(step)
            loss, n_correct = replica.step(X, Y, rows, n_rows, step + 1, learning_rate)
            yield loss, n_correct, n_rows, learning_rate
            if k == self.last_batch[0]:
                break
        if replica.index == 0:
            training.network.statistics[...] = replica.shared.mean_statistics()

    def batches(self, order: Rows, replica: Replica) -> Iterator[tuple[Floats, Floats, Rows, int]]:
        """Where the rows and the labels of each batch are, which of them are the replica's, and how many all have."""
        size, X, Y = self.training.recipe.batch_size, self.training.X, self.training.Y
        for first in range(0, len(order), self.window_rows):
            stop = min(first + self.window_rows, len(order))
            batches = [order[start : min(start + size, stop)] for start in range(first, stop, size)]
            own = [replica.rows_of(batch) for batch in batches]
            if self.is_read_in_windows:
                # The first window has the most rows.
                self.window = self.window or Window(self.training.X, self.training.Y, sum(map(len, own)))
                X, Y, places = self.window.load(np.concatenate(own))
                own = np.split(places, np.cumsum([len(rows) for rows in own])[:-1])
            for batch, rows in zip(batches, own, strict=True):
                yield X, Y, rows, len(batch)
