"""The loop over an epoch: which rows come when, at which learning rate, and what is counted on the way.

There are two: one of batches, which replicas share, and one of single rows, for the tutorial's online SGD.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import monotonic

import numpy as np

from stages.mlp.arrays import Floats, Rows
from stages.mlp.mapped_files import forget_pages
from stages.mlp.parallel.group import Group
from stages.mlp.parallel.replica import Replica, Shared
from stages.mlp.parallel.shared_memory import shared_zeros
from stages.mlp.training.checkpoint import Training
from stages.mlp.training.history import Epoch
from stages.mlp.training.online_sgd import BLOCK_ROWS, OnlineSGD, suits_online
from stages.mlp.training.recipe import DivergedError
from stages.mlp.training.schedules import SCHEDULES
from stages.mlp.training.shuffling import Window, rows_of_window, shuffled
from stages.mlp.training.step import Warper
from stages.mlp.training.update import When

OnStep = Callable[[int, int, float, int], None]


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The rows to train on: ``chosen`` of ``X`` (m, n_inputs) and one-hot ``Y`` (m, n_classes), or all of them."""

    X: Floats
    Y: Floats
    chosen: Rows | None = None

    def __len__(self) -> int:
        return len(self.X) if self.chosen is None else len(self.chosen)


@dataclass(slots=True)
class Totals:
    """Sums over the rows of an epoch, and the last step's learning rate."""

    loss: float = 0.0
    n_correct: int = 0
    n_rows: int = 0
    learning_rate: float = 0.0


class EpochLoop(ABC):
    """What both kinds have in common.

    Parameters
    ----------
    training : what is trained, and how far it is
    rows : on what
    on_step : called after every step, as ``fit`` says
    """

    def __init__(self, training: Training, rows: TrainingRows, on_step: OnStep | None) -> None:
        self.training, self.rows, self.on_step = training, rows, on_step
        recipe = training.recipe
        self.n_epoch_steps = -(-len(rows) // recipe.batch_size)
        self.n_steps = recipe.epochs * self.n_epoch_steps
        self.totals = Totals()
        row_bytes = rows.X.shape[1] * rows.X.dtype.itemsize
        self.window = rows_of_window(recipe.window_mib * 2**20, row_bytes, recipe.batch_size)

    def run_epoch(self, index: int, number: int, deadline: float) -> None:
        """Replica ``index``'s share of epoch ``number``, from 1: every row once, in a random order.

        If ``deadline`` passes meanwhile, the epoch ends early.
        """
        order = shuffled(len(self.rows), self.window, generator(self.training.recipe.seed, number))
        if self.rows.chosen is not None:
            order = self.rows.chosen[order]
        if index == 0:
            self.totals = Totals()
        self.train_on(order, index, number, deadline)

    def summary(self, number: int) -> Epoch:
        """How epoch ``number``, which has just ended, went; for replica 0 to ask."""
        totals = self.totals
        return Epoch(number, totals.learning_rate, totals.loss / totals.n_rows, totals.n_correct / totals.n_rows)

    def end_epoch(self) -> None:  # noqa: B027 - online SGD has no batch normalisation
        """Bring the running averages of batch normalisation into the network; for replica 0, before it is validated."""

    @abstractmethod
    def train_on(self, order: Rows, index: int, number: int, deadline: float) -> None:
        """Replica ``index``'s share of epoch ``number``, on the rows in this ``order``, (m,)."""

    def when(self, step: int) -> When:
        """The step after ``step`` others, and its learning rate."""
        recipe = self.training.recipe
        factor = SCHEDULES[recipe.schedule](step, self.n_steps, recipe.warm_up)
        return When(step + 1, recipe.learning_rate * factor)

    def count(self, loss: float, n_correct: int, n_rows: int, learning_rate: float) -> None:
        """A step is over: count it, stop if the loss is not finite, and call ``on_step``."""
        totals, state = self.totals, self.training.state
        totals.loss += loss
        totals.n_correct += n_correct
        totals.n_rows += n_rows
        totals.learning_rate = learning_rate
        state.step += 1
        if not math.isfinite(loss):
            raise DivergedError(f"the loss is {loss} at step {state.step} of {self.n_steps}")
        if self.on_step is not None:
            self.on_step(state.step, self.n_steps, loss, n_correct)


class BatchLoop(EpochLoop):
    """Batches, each shared between the replicas of a ``group``; ``augment`` makes a warper for each of them."""

    def __init__(
        self,
        training: Training,
        rows: TrainingRows,
        on_step: OnStep | None,
        group: Group,
        augment: Callable[[], Warper] | None,
    ) -> None:
        super().__init__(training, rows, on_step)
        recipe = training.recipe
        self.group = group
        self.last = shared_zeros(1, np.int64)  # number of the epoch's last batch
        self.last[0] = self.n_epoch_steps - 1
        self.is_read_in_windows = isinstance(rows.X, np.memmap) and len(rows) > self.window
        self.shared = Shared(training.network, group.count)
        self.make_replica = partial(
            Replica,
            network=training.network,
            state=training.state,
            update=recipe.update,
            shared=self.shared,
            group=group,
            label_smoothing=recipe.label_smoothing,
            augment=augment,
            x_dtype=rows.X.dtype,
        )
        # Made when the first epoch begins: by then each replica is in its own process, and so is its memory.
        self.replicas: dict[int, Replica] = {}
        self.windows: dict[int, Window] = {}

    def train_on(self, order: Rows, index: int, number: int, deadline: float) -> None:
        if index not in self.replicas:
            self.replicas[index] = self.make_replica(index)
        replica = self.replicas[index]
        replica.begin_epoch(generator(self.training.recipe.seed, number, index))
        for k, (X, Y, rows, n_rows) in enumerate(self.batches(order, replica)):
            # Set by one replica before it waits for the others, read by all afterwards.
            if index == 0 and monotonic() > deadline:
                self.last[0] = k
            when = self.when((number - 1) * self.n_epoch_steps + k)
            replica.step(X, Y, rows, n_rows, when)
            if index == 0:
                self.count(replica.loss, replica.n_correct, n_rows, when.learning_rate)
            if k == self.last[0]:
                break

    def end_epoch(self) -> None:
        self.training.network.statistics[...] = self.shared.mean_statistics()

    def batches(self, order: Rows, replica: Replica) -> Iterator[tuple[Floats, Floats, Rows, int]]:
        """Where the rows and the labels of each batch are, which of them are the replica's, and how many all have."""
        size = self.training.recipe.batch_size
        for first in range(0, len(order), self.window):
            batches = [
                order[start : start + size] for start in range(first, min(first + self.window, len(order)), size)
            ]
            own = [replica.rows_of(batch) for batch in batches]
            X, Y = self.rows.X, self.rows.Y
            if self.is_read_in_windows:
                if replica.index not in self.windows:
                    self.windows[replica.index] = Window(X, Y, sum(map(len, own)))
                X, Y, places = self.windows[replica.index].load(np.concatenate(own))
                own = np.split(places, np.cumsum([len(rows) for rows in own])[:-1])
            for batch, rows in zip(batches, own, strict=True):
                yield X, Y, rows, len(batch)


class OnlineLoop(EpochLoop):
    """One row after the other, in blocks, by replica 0 alone."""

    def __init__(self, training: Training, rows: TrainingRows, on_step: OnStep | None) -> None:
        super().__init__(training, rows, on_step)
        self.trainer = OnlineSGD(training.network, training.recipe.label_smoothing)

    def train_on(self, order: Rows, index: int, number: int, deadline: float) -> None:
        if index > 0:
            return
        first_step = (number - 1) * len(order)
        for at in range(0, len(order), BLOCK_ROWS):
            rows = order[at : at + BLOCK_ROWS]
            learning_rates = [self.when(first_step + at + t).learning_rate for t in range(len(rows))]
            after = partial(self.count, n_rows=1, learning_rate=learning_rates[-1])
            self.trainer.run(self.rows.X[rows], self.rows.Y[rows], learning_rates, after)
            if at % (1024 * BLOCK_ROWS) == 0:
                forget_pages(self.rows.X)
            if monotonic() > deadline:
                break


def make_loop(
    training: Training, group: Group, rows: TrainingRows, augment: Callable[[], Warper] | None, on_step: OnStep | None
) -> EpochLoop:
    """The loop that suits the recipe."""
    if augment is None and suits_online(training.network.architecture, training.recipe):
        return OnlineLoop(training, rows, on_step)
    return BatchLoop(training, rows, on_step, group, augment)


def generator(seed: int, epoch: int, replica: int | None = None) -> np.random.Generator:
    """The random numbers of an epoch's order, or of what a replica drops and warps in that epoch."""
    key = (epoch,) if replica is None else (epoch, replica)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
