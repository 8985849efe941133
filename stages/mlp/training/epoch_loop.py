"""The loop over epochs: a random order, steps, validation, a checkpoint, and whether there is a further epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import count
from time import monotonic

import numpy as np

from stages.mlp.arrays import shared_zeros
from stages.mlp.gradient_descent.step import Warper
from stages.mlp.parallel.group import Group
from stages.mlp.parallel.replica import Replica
from stages.mlp.parallel.shared_memory import SharedMemory
from stages.mlp.training.batches import Batches
from stages.mlp.training.checkpoint import save_checkpoint
from stages.mlp.training.data.shuffling import generator, rows_of_window, shuffled
from stages.mlp.training.history import Epoch
from stages.mlp.training.online_sgd import OnlineSGD, suits_online
from stages.mlp.training.recipe import DivergedError, RunOptions
from stages.mlp.training.training_state import TrainingState
from stages.mlp.training.validation import Validation


class EpochLoop:
    """The epochs of a training, from the first that is not done yet to the last, as all replicas share them.

    Parameters
    ----------
    training : the network, the recipe and the rows, and which epochs are done
    group : who shares the work
    validation : what measures the training's candidate, if anything does
    augment, options : as of ``fit``
    """

    def __init__(
        self,
        training: TrainingState,
        group: Group,
        *,
        validation: Validation | None = None,
        augment: Callable[[], Warper] | None = None,
        options: RunOptions,
    ) -> None:
        self.training, self.group, self.validation = training, group, validation
        self.augment, self.options = augment, options
        recipe, X = training.recipe, training.X
        self.window_rows = rows_of_window(recipe.window_mib * 2**20, X.shape[1] * X.dtype.itemsize, recipe.batch_size)
        self.shared = SharedMemory(training.network, training.update, group.count)
        self.first_epoch = len(training.epochs) + 1
        self.last_epoch = shared_zeros(1, np.int64)  # its number, once that is known
        self.last_batch = shared_zeros(1, np.int64)  # the number of an epoch's last batch
        self.last_batch[0] = training.n_epoch_steps - 1
        self.began = monotonic() - training.seconds
        self.stopped = self.why_stopped()

    def run(self, index: int) -> None:
        """Replica ``index``'s share. What is to be done once is done by replica 0, which is the caller's process."""
        training, validation, group = self.training, self.validation, self.group
        trainer = self.make_trainer(index)
        for number in count(self.first_epoch):
            self.run_epoch(trainer, index, number)
            if index == 0:
                training.make_candidate()
            if validation is not None:
                group.wait(index)  # for the candidate
                validation.measure(index)
                group.wait(index)  # for what the others have measured
            if index == 0:
                self.finish(number)
            group.wait(index)  # for replica 0's decision
            # Compare epoch numbers, not a flag: where replica 0 trains alone, it may be an epoch ahead by now.
            if self.last_epoch[0] == number:
                break

    def make_trainer(self, index: int) -> OnlineSGD | Batches:
        """What takes replica ``index``'s steps. It is made where the replica runs, so that its arrays are its own."""
        training = self.training
        if self.augment is None and suits_online(training.network, training.recipe):
            return OnlineSGD(training, index)
        return Batches(training, partial(self.make_replica, index), self.last_batch, self.window_rows)

    def make_replica(self, index: int, number: int) -> Replica:
        """Replica ``index`` for epoch ``number``, whose random numbers depend on these two and the seed alone."""
        recipe = self.training.recipe
        return Replica(
            index,
            self.group,
            self.shared,
            generator(recipe.seed, number, index),
            augment=self.augment,
            label_smoothing=recipe.label_smoothing,
            x_dtype=self.training.X.dtype,
        )

    def run_epoch(self, trainer: OnlineSGD | Batches, index: int, number: int) -> None:
        """Replica ``index``'s share of the steps of epoch ``number``, from 1: every row once, in a random order."""
        rows, seed = self.training.rows, self.training.recipe.seed
        order = rows[shuffled(len(rows), self.window_rows, generator(seed, number))]
        if index == 0:
            self.loss, self.n_correct, self.n_rows = 0.0, 0, 0
        for told in trainer.steps(order, number, self.is_late):
            if index == 0:
                self.tell(*told)

    def tell(self, loss: float, n_correct: int, n_rows: int, learning_rate: float) -> None:
        """Count a step and its rows, raise DivergedError if its loss is not finite, and call ``on_step``."""
        training, self.learning_rate = self.training, learning_rate
        training.step += 1
        self.loss += loss
        self.n_correct += n_correct
        self.n_rows += n_rows
        if not math.isfinite(loss):
            raise DivergedError(f"the loss is {loss} at step {training.step} of {training.n_steps}")
        if self.options.on_step is not None:
            self.options.on_step(training.step, training.n_steps, loss, n_correct)

    def finish(self, number: int) -> None:
        """Note how epoch ``number`` went, save a checkpoint, and decide whether it was the last."""
        training = self.training
        loss, accuracy = (None, None) if self.validation is None else self.validation.loss_and_accuracy()
        if loss is not None and not math.isfinite(loss):
            raise DivergedError(f"the validation loss is {loss} after epoch {number}")
        means = self.loss / self.n_rows, self.n_correct / self.n_rows
        epoch = Epoch(number, self.learning_rate, *means, loss, accuracy)
        training.finish(epoch)
        training.seconds = monotonic() - self.began
        if self.options.checkpoint is not None:
            save_checkpoint(self.options.checkpoint, training)
        if self.options.on_epoch is not None:
            self.options.on_epoch(epoch)
        self.stopped = self.why_stopped()
        if self.stopped:
            self.last_epoch[0] = number

    def is_late(self) -> bool:
        """Whether the recipe's ``max_seconds`` are over."""
        limit = self.training.recipe.max_seconds
        return limit is not None and monotonic() - self.began > limit

    def why_stopped(self) -> str:
        """Why the training ends here: epochs, patience or max_seconds; empty if it goes on."""
        recipe, n_epochs = self.training.recipe, len(self.training.epochs)
        if n_epochs >= recipe.epochs:
            return "epochs"
        if recipe.patience is not None and n_epochs - self.training.best >= recipe.patience:
            return "patience"
        return "max_seconds" if n_epochs and self.is_late() else ""
