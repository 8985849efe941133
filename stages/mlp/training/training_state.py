"""The state of a training: the network, its recipe and its rows, and the results so far."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from stages.mlp.archive import to_json
from stages.mlp.arrays import Floats
from stages.mlp.gradient_descent.losses import smoothed
from stages.mlp.gradient_descent.schedules import SCHEDULES
from stages.mlp.network import Network
from stages.mlp.training.data.dataset import Dataset
from stages.mlp.training.history import Epoch
from stages.mlp.training.recipe import Recipe

# For each step: sum of losses, number of correct rows, number of rows, learning rate.
StepResults = Iterator[tuple[float, int, int, float]]


class TrainingState:
    """The state of a training between two epochs.

    Attributes
    ----------
    X, Y : the training set, (M, n_inputs), and its targets after label smoothing, (M, n_classes)
    rows : indices of the rows to train on, (m_rows,)
    update : the optimiser and its state
    step : number of finished steps
    candidate : the network that is validated after an epoch, and may be kept; in shared memory
    epochs : results of the finished epochs
    best : number of the epoch whose weights are to be kept
    best_parameters, best_statistics : parameters and running averages of this epoch
    seconds : duration of the finished epochs
    checksum : checksum of a sample of X, all labels and indices, the initial parameters and the augmentation
    """

    def __init__(self, network: Network, recipe: Recipe, data: Dataset) -> None:
        self.network, self.recipe = network, recipe
        # In a pandas table, columns are contiguous. Taking some rows of it would copy all of it in every step.
        self.X = data.X if data.X.flags.c_contiguous else np.ascontiguousarray(data.X)
        self.Y = smoothed(np.ascontiguousarray(data.Y, network.parameters.dtype), recipe.label_smoothing)
        self.rows = np.arange(len(data)) if data.rows is None else data.rows
        self.update, self.candidate = recipe.make_update(network), Network(network.architecture)
        self.epochs: list[Epoch] = []
        self.step, self.best, self.seconds, self.checksum = 0, 0, 0.0, ""
        self.best_parameters, self.best_statistics = network.parameters.copy(), network.statistics.copy()
        self.n_epoch_steps = -(-len(data) // recipe.batch_size)
        self.n_steps = recipe.epochs * self.n_epoch_steps

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step; ``step`` counts from 0."""
        recipe = self.recipe
        return recipe.learning_rate * SCHEDULES[recipe.schedule](step, self.n_steps, recipe.warm_up)

    def make_candidate(self) -> None:
        """After an epoch: copy the network's parameters, or the averaged parameters, into ``candidate``."""
        self.candidate.parameters[...] = self.update.averaged if self.recipe.ema else self.network.parameters
        self.candidate.statistics[...] = self.network.statistics

    def record_epoch(self, epoch: Epoch) -> None:
        """Append ``epoch``. Keep the candidate if it is the best so far, or if the last epoch is to be kept."""
        self.epochs.append(epoch)
        is_last_kept = self.recipe.keep == "last" or epoch.validation_accuracy is None
        if is_last_kept or self.best == 0 or epoch.score > self.epochs[self.best - 1].score:
            self.best = epoch.epoch
            self.best_parameters[...] = self.candidate.parameters
            self.best_statistics[...] = self.candidate.statistics

    def arrays(self) -> dict[str, Floats]:
        """All arrays that change in training, by name."""
        return {
            "parameters": self.network.parameters,
            "statistics": self.network.statistics,
            "optimiser_state": self.update.state,
            "averaged": self.update.averaged,
            "best_parameters": self.best_parameters,
            "best_statistics": self.best_statistics,
        }

    def identity(self) -> Any:
        """A JSON value that is equal for a checkpoint of the same training."""
        return json.loads(to_json([asdict(self.recipe), asdict(self.network.architecture), self.checksum]))
