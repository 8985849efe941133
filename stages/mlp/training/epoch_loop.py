"""The loop over epochs: shuffle, take the steps, validate, write a checkpoint, and decide whether to stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from time import monotonic

import numpy as np

from stages.mlp.arrays import shared_zeros
from stages.mlp.parallel.group import Group
from stages.mlp.parallel.replica import Replica
from stages.mlp.parallel.shared_arrays import SharedArrays
from stages.mlp.training.checkpoint import save_checkpoint
from stages.mlp.training.data.mini_batch import Warper
from stages.mlp.training.data.shuffling import epoch_rng, rows_of_window, shuffled
from stages.mlp.training.history import Epoch
from stages.mlp.training.mini_batch_trainer import MiniBatchTrainer
from stages.mlp.training.online_sgd import OnlineSGD, suits_online
from stages.mlp.training.recipe import DivergedError, RunOptions
from stages.mlp.training.training_state import TrainingState
from stages.mlp.training.validation import Validation


class EpochLoop:
    """Runs the epochs that a training still has to do. Every worker of ``group`` runs one replica.

    ``validation`` measures ``training.candidate``. ``augment`` and ``options`` are arguments of ``fit``.
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
        self.shared = SharedArrays(training.network, training.update, group.count)
        self.first_epoch = len(training.epochs) + 1
        self.last_epoch = shared_zeros(1, np.int64)  # the number of the last epoch, or 0 while it is unknown
        self.last_batch = shared_zeros(1, np.int64)  # the number of the epoch's last mini-batch, from 0
        self.last_batch[0] = training.n_epoch_steps - 1
        self.started = monotonic() - training.seconds
        self.stopped = self.stop_reason()

    def run(self, index: int) -> None:
        """Run replica ``index``. Replica 0 runs in the caller's process, and does what must be done only once."""
        training, validation, group = self.training, self.validation, self.group
        trainer = self.make_trainer(index)
        for number in count(self.first_epoch):
            self.run_epoch(trainer, index, number)
            if index == 0:
                training.make_candidate()
            if validation is not None:
                group.wait(index)  # for the candidate
                validation.measure(index)
                group.wait(index)  # for the other replicas' measurements
            if index == 0:
                self.finish_epoch(number)
            group.wait(index)  # for replica 0's decision
            # Compare epoch numbers, not a flag: with online SGD, replica 0 may end its next epoch before others look.
            if self.last_epoch[0] == number:
                break

    def make_trainer(self, index: int) -> OnlineSGD | MiniBatchTrainer:
        """The object that takes the steps of replica ``index``. Each worker makes its own, with its own arrays."""
        training = self.training
        if self.augment is None and suits_online(training.network, training.recipe):
            return OnlineSGD(training, index)
        replica = Replica(index, self.group, self.shared, epoch_rng(training.recipe.seed, self.first_epoch, index))
        return MiniBatchTrainer(training, replica, self.augment, self.last_batch, self.window_rows)

    def run_epoch(self, trainer: OnlineSGD | MiniBatchTrainer, index: int, number: int) -> None:
        """Take the steps of epoch ``number`` (from 1) with replica ``index``: every row once, in a random order."""
        rows, seed = self.training.rows, self.training.recipe.seed
        order = rows[shuffled(len(rows), self.window_rows, epoch_rng(seed, number))]
        if index == 0:
            self.loss, self.n_correct, self.n_rows = 0.0, 0, 0
        for result in trainer.steps(order, number, self.is_out_of_time):
            if index == 0:
                self.record_step(*result)

    def record_step(self, loss: float, n_correct: int, n_rows: int, learning_rate: float) -> None:
        """Add a step to the epoch's sums, and call ``on_step``. Raise DivergedError if the loss is not finite."""
        training, self.learning_rate = self.training, learning_rate
        training.step += 1
        self.loss += loss
        self.n_correct += n_correct
        self.n_rows += n_rows
        if not math.isfinite(loss):
            raise DivergedError(f"the loss is {loss} at step {training.step} of {training.n_steps}")
        if self.options.on_step is not None:
            self.options.on_step(training.step, training.n_steps, loss, n_correct)

    def finish_epoch(self, number: int) -> None:
        """Record the results of epoch ``number``, save a checkpoint, and decide whether to stop."""
        training = self.training
        loss, accuracy = (None, None) if self.validation is None else self.validation.loss_and_accuracy()
        if loss is not None and not math.isfinite(loss):
            raise DivergedError(f"the validation loss is {loss} after epoch {number}")
        means = self.loss / self.n_rows, self.n_correct / self.n_rows
        epoch = Epoch(number, self.learning_rate, *means, loss, accuracy)
        training.record_epoch(epoch)
        training.seconds = monotonic() - self.started
        if self.options.checkpoint is not None:
            save_checkpoint(self.options.checkpoint, training)
        if self.options.on_epoch is not None:
            self.options.on_epoch(epoch)
        self.stopped = self.stop_reason()
        if self.stopped:
            self.last_epoch[0] = number

    def is_out_of_time(self) -> bool:
        """Whether the training has taken more than ``max_seconds``."""
        limit = self.training.recipe.max_seconds
        return limit is not None and monotonic() - self.started > limit

    def stop_reason(self) -> str:
        """Why the training stops now: epochs, patience or max_seconds. Empty if it continues."""
        recipe, n_epochs = self.training.recipe, len(self.training.epochs)
        if n_epochs >= recipe.epochs:
            return "epochs"
        if recipe.patience is not None and n_epochs - self.training.best >= recipe.patience:
            return "patience"
        return "max_seconds" if n_epochs and self.is_out_of_time() else ""
