"""A training: the network, its recipe and its rows, and how far it has come."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from stages.mlp.archive import json_of
from stages.mlp.arrays import Floats
from stages.mlp.gradient_descent.schedules import SCHEDULES
from stages.mlp.network import Network
from stages.mlp.training.data.dataset import Dataset
from stages.mlp.training.history import Epoch
from stages.mlp.training.recipe import Recipe


class TrainingState:
    """A training between two epochs: what it began with, and how far it has come.

    Attributes
    ----------
    network : the network that is trained
    recipe : how it is trained
    X, Y : the training set, (m, n_inputs) and (m, n_classes)
    rows : the numbers of those rows that it is trained on, (m_rows,)
    update : how its parameters are updated, and what is remembered for it
    step : how many steps are done
    candidate : the network as it would be kept after an epoch, in shared memory; averaged, if the recipe says so
    epochs : how each epoch went
    best : the number of the epoch whose weights are to be kept
    best_parameters, best_statistics : these weights, and the running averages of batch normalisation
    seconds : how long it has taken
    checksum : of the rows, the initial weights and the augmentation; a checkpoint is of use where it is the same
    """

    def __init__(self, network: Network, recipe: Recipe, data: Dataset) -> None:
        self.network, self.recipe = network, recipe
        # A table lies column by column: NumPy would copy all of it to take some rows. A mapped file stays one.
        self.X = data.X if data.X.flags.c_contiguous else np.ascontiguousarray(data.X)
        self.Y = np.ascontiguousarray(data.Y, network.parameters.dtype)
        self.rows = np.arange(len(data)) if data.rows is None else data.rows
        self.update, self.candidate = recipe.make_update(network), Network(network.architecture)
        self.epochs: list[Epoch] = []
        self.step, self.best, self.seconds, self.checksum = 0, 0, 0.0, ""
        self.best_parameters, self.best_statistics = network.parameters.copy(), network.statistics.copy()
        self.n_epoch_steps = -(-len(data) // recipe.batch_size)
        self.n_steps = recipe.epochs * self.n_epoch_steps

    def learning_rate(self, step: int) -> float:
        """That of the step after ``step`` others."""
        recipe = self.recipe
        return recipe.learning_rate * SCHEDULES[recipe.schedule](step, self.n_steps, recipe.warm_up)

    def make_candidate(self) -> None:
        """After an epoch: copy the network's weights, or the averaged ones."""
        self.candidate.parameters[...] = self.update.averaged if self.recipe.ema else self.network.parameters
        self.candidate.statistics[...] = self.network.statistics

    def finish(self, epoch: Epoch) -> None:
        """Note ``epoch``, and keep the candidate's weights if none were as good, or if the last are wanted."""
        self.epochs.append(epoch)
        is_last_kept = self.recipe.keep == "last" or epoch.validation_accuracy is None
        if is_last_kept or self.best == 0 or epoch.merit > self.epochs[self.best - 1].merit:
            self.best = epoch.epoch
            self.best_parameters[...] = self.candidate.parameters
            self.best_statistics[...] = self.candidate.statistics

    def arrays(self) -> dict[str, Floats]:
        """Every array that changes in training, by name."""
        return {
            "parameters": self.network.parameters,
            "statistics": self.network.statistics,
            "memory": self.update.memory,
            "averaged": self.update.averaged,
            "best_parameters": self.best_parameters,
            "best_statistics": self.best_statistics,
        }

    def identity(self) -> Any:
        """What must be equal for a checkpoint to be of this training, as JSON gives it back."""
        return json.loads(json_of([asdict(self.recipe), asdict(self.network.architecture), self.checksum]))
