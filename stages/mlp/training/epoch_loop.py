"""The course of an epoch: which rows come when, at which learning rate, and what is counted on the way.

There are two: batches shared between workers, and, for the tutorial's way, one row after the other.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.mlp.parallel.memory import forget_pages, shared_zeros
from stages.mlp.parallel.team import Team
from stages.mlp.training.checkpoint import Training
from stages.mlp.training.online_sgd import BLOCK_ROWS, OneByOne, suits_one_by_one
from stages.mlp.training.recipe import DivergedError, Epoch
from stages.mlp.training.schedules import learning_rate_factor
from stages.mlp.training.shuffling import Window, rows_of_window, shuffled
from stages.mlp.training.step import Step, Warper

Floats = npt.NDArray[np.floating[Any]]
Rows = npt.NDArray[np.int64]
OnStep = Callable[[int, int, float, int], None]


@dataclass(slots=True)
class Totals:
    """Sums over the rows of an epoch, and the last step's learning rate."""

    loss: float = 0.0
    n_correct: int = 0
    n_rows: int = 0
    learning_rate: float = 0.0


class Course(ABC):
    """What both kinds have in common.

    Parameters
    ----------
    training : what is trained, and how far it is
    X, Y : (m, n_inputs) and one-hot (m, n_classes)
    rows : those of their rows that are trained on, (m_rows,), or all
    on_step : called after every step, as ``fit`` says
    """

    def __init__(self, training: Training, X: Floats, Y: Floats, rows: Rows | None, on_step: OnStep | None) -> None:
        self.training, self.X, self.Y, self.rows, self.on_step = training, X, Y, rows, on_step
        self.n_rows = len(X) if rows is None else len(rows)
        self.n_epoch_steps = -(-self.n_rows // training.recipe.batch_size)
        self.n_steps = training.recipe.epochs * self.n_epoch_steps
        self.totals = Totals()
        row_bytes = X.shape[1] * X.dtype.itemsize
        self.window = rows_of_window(training.recipe.window_mib * 2**20, row_bytes, training.recipe.batch_size)

    def run_epoch(self, index: int, number: int, deadline: float) -> None:
        """Worker ``index``'s share of epoch ``number``: every row once, in a random order.

        If ``deadline`` passes meanwhile, the epoch ends early.
        """
        order = shuffled(self.n_rows, self.window, generator(self.training.recipe.seed, number))
        if self.rows is not None:
            order = self.rows[order]
        if index == 0:
            self.totals = Totals()
        self.train_on(order, index, number, deadline)

    def told(self, number: int) -> Epoch:
        """For worker 0: how epoch ``number``, which has just ended, went."""
        totals = self.totals
        return Epoch(number, totals.learning_rate, totals.loss / totals.n_rows, totals.n_correct / totals.n_rows)

    @abstractmethod
    def train_on(self, order: Rows, index: int, number: int, deadline: float) -> None:
        """Worker ``index``'s share of epoch ``number``, on the rows in this ``order``, (m,)."""

    def learning_rate(self, step: int) -> float:
        """The learning rate of step number ``step``, counted from 0 over all epochs."""
        recipe = self.training.recipe
        return recipe.learning_rate * learning_rate_factor(recipe.schedule, step, self.n_steps, recipe.warm_up)

    def count(self, loss: float, n_correct: int, n_rows: int, learning_rate: float) -> None:
        """A step is over: count it, stop if the loss is not finite, and tell who wants to know."""
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


class SharedCourse(Course):
    """Batches, each shared between ``workers``."""

    def __init__(
        self,
        training: Training,
        X: Floats,
        Y: Floats,
        rows: Rows | None,
        on_step: OnStep | None,
        workers: Team,
        augment: Callable[[], Warper] | None,
    ) -> None:
        super().__init__(training, X, Y, rows, on_step)
        recipe = training.recipe
        self.last = shared_zeros(1, np.int64)  # number of the epoch's last batch
        self.last[0] = self.n_epoch_steps - 1
        is_read_in_windows = isinstance(X, np.memmap) and self.n_rows > self.window
        self.rows_in_memory = Window(X, Y, self.window) if is_read_in_windows else None
        self.warpers = [augment() for _ in range(workers.count)] if augment else []
        self.full = full = min(recipe.batch_size, self.n_rows)
        self.steps = {
            m: Step(
                m,
                training.network,
                training.state,
                recipe.update,
                workers=workers,
                label_smoothing=recipe.label_smoothing,
                warpers=self.warpers,
                x_dtype=X.dtype,
            )
            for m in {full, self.n_rows % full or full}
        }

    def train_on(self, order: Rows, index: int, number: int, deadline: float) -> None:
        for step in self.steps.values():
            step.shards[index].rng = generator(self.training.recipe.seed, number, index)
        if self.warpers:
            self.warpers[index].forget()
        for k, (X, Y, batch) in enumerate(self.batches(order, index)):
            # Set by one worker before it waits for the others, read by all afterwards.
            if index == 0 and monotonic() > deadline:
                self.last[0] = k
            step = self.steps[len(batch)]
            n_before = (number - 1) * self.n_epoch_steps + k
            learning_rate = self.learning_rate(n_before)
            step.run(index, X, Y, batch, n_before + 1, learning_rate)
            if index == 0:
                self.count(step.loss, step.n_correct, step.m, learning_rate)
            if k == self.last[0]:
                break

    def batches(self, order: Rows, index: int) -> Iterator[tuple[Floats, Floats, Rows]]:
        """Where the rows and the labels of each batch are, and which of them, for worker ``index``."""
        size = self.training.recipe.batch_size
        for first in range(0, len(order), self.window):
            X, Y, places = self.X, self.Y, order[first : first + self.window]
            if self.rows_in_memory is not None:
                X, Y, places = self.rows_in_memory.load(places, self.steps[self.full].shards[index])
            for start in range(0, len(places), size):
                yield X, Y, places[start : start + size]


class OneByOneCourse(Course):
    """One row after the other, in blocks, by worker 0 alone."""

    def __init__(self, training: Training, X: Floats, Y: Floats, rows: Rows | None, on_step: OnStep | None) -> None:
        super().__init__(training, X, Y, rows, on_step)
        self.trainer = OneByOne(training.network, training.recipe.label_smoothing)

    def train_on(self, order: Rows, index: int, number: int, deadline: float) -> None:
        if index > 0:
            return
        first_step = (number - 1) * len(order)
        for at in range(0, len(order), BLOCK_ROWS):
            rows = order[at : at + BLOCK_ROWS]
            learning_rates = [self.learning_rate(first_step + at + t) for t in range(len(rows))]
            after = partial(self.count, n_rows=1, learning_rate=learning_rates[-1])
            self.trainer.run(self.X[rows], self.Y[rows], learning_rates, after)
            if at % (1024 * BLOCK_ROWS) == 0:
                forget_pages(self.X)
            if monotonic() > deadline:
                break


def make_course(
    training: Training,
    workers: Team,
    X: Floats,
    Y: Floats,
    rows: Rows | None,
    augment: Callable[[], Warper] | None,
    on_step: OnStep | None,
) -> Course:
    """The course that suits the recipe."""
    if augment is None and suits_one_by_one(training.network.architecture, training.recipe):
        return OneByOneCourse(training, X, Y, rows, on_step)
    return SharedCourse(training, X, Y, rows, on_step, workers, augment)


def generator(seed: int, epoch: int, shard: int | None = None) -> np.random.Generator:
    """The random numbers of an epoch's order, or of what a shard drops and warps in that epoch."""
    key = (epoch,) if shard is None else (epoch, shard)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
