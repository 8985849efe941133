"""The mini-batches of an epoch. Each replica trains on its part of every mini-batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from stages.mlp.arrays import Floats, Rows
from stages.mlp.parallel.replica import Replica
from stages.mlp.training.data.mini_batch import MiniBatch, Warper
from stages.mlp.training.data.shuffling import epoch_rng
from stages.mlp.training.data.window import Window
from stages.mlp.training.training_state import StepResults, TrainingState


class MiniBatchTrainer:
    """Trains on a replica's part of each mini-batch.

    Parameters
    ----------
    training : the network, the recipe and the rows
    replica : takes the steps
    augment : makes a warper; called once per epoch
    last_batch : one number in shared memory, (1,): the epoch ends after this mini-batch (from 0)
    window_rows : rows of a memory-mapped file that all replicas together hold in memory at a time
    """

    def __init__(
        self,
        training: TrainingState,
        replica: Replica,
        augment: Callable[[], Warper] | None,
        last_batch: Rows,
        window_rows: int,
    ) -> None:
        self.training, self.replica, self.augment = training, replica, augment
        self.last_batch, self.window_rows = last_batch, window_rows
        self.is_read_in_windows = isinstance(training.X, np.memmap) and len(training.rows) > window_rows
        self.window: Window | None = None
        dtype = training.network.parameters.dtype
        self._mini_batch = cache(lambda m: MiniBatch(m, training.X, training.Y, dtype))  # the last one is smaller

    def steps(self, order: Rows, number: int, is_out_of_time: Callable[[], bool]) -> StepResults:
        """Take the steps of epoch ``number`` on the rows in this ``order``, (m_rows,).

        The results are those of all replicas together. The epoch ends early if replica 0 ``is_out_of_time``.
        """
        training, replica, rng = self.training, self.replica, self.replica.rng
        # Only the seed and these two numbers determine the epoch's random numbers. The layers keep the generator.
        rng.bit_generator.state = epoch_rng(training.recipe.seed, number, replica.index).bit_generator.state
        warper = None if self.augment is None else self.augment()
        for k, (X, Y, rows, n_rows) in enumerate(self.batches(order)):
            # Replica 0 writes this before it waits in `replica.step`. All replicas read it after that.
            if replica.index == 0 and is_out_of_time():
                self.last_batch[0] = k
            step = (number - 1) * training.n_epoch_steps + k
            learning_rate = training.learning_rate(step)
            inputs, targets = self._mini_batch(len(rows)).load(X, Y, rows, rng, warper)
            loss, n_correct = replica.step(inputs, targets, n_rows, step + 1, learning_rate)
            yield loss, n_correct, n_rows, learning_rate
            if k == self.last_batch[0]:
                break
        if replica.index == 0:
            training.network.statistics[...] = replica.shared.mean_statistics()

    def batches(self, order: Rows) -> Iterator[tuple[Floats, Floats, Rows, int]]:
        """For each mini-batch: X, Y, the indices in them of the replica's rows, and the mini-batch's number of rows."""
        size, X, Y = self.training.recipe.batch_size, self.training.X, self.training.Y
        for first in range(0, len(order), self.window_rows):
            window = order[first : first + self.window_rows]  # whole mini-batches, except at the end
            batches = [window[start : start + size] for start in range(0, len(window), size)]
            own = [self.replica.rows_of(batch) for batch in batches]
            if self.is_read_in_windows:
                # No later window has more rows than the first one.
                self.window = self.window or Window(self.training.X, self.training.Y, sum(map(len, own)))
                X, Y, positions = self.window.load(np.concatenate(own))
                own = np.split(positions, np.cumsum([len(rows) for rows in own])[:-1])
            for batch, rows in zip(batches, own, strict=True):
                yield X, Y, rows, len(batch)
