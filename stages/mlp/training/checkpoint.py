"""The checkpoint: everything that a killed training needs to go on as if nothing had happened.

Random numbers need no place in it. Those of an epoch come from generators made of the recipe's seed and the
epoch's number, so the number of finished epochs is all that there is to remember about them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple
from pathlib import Path
from typing import IO, Any

import numpy as np

from stages.mlp.archive import ArchiveError, json_of, read_arrays, write_arrays
from stages.mlp.arrays import Floats
from stages.mlp.gradient_descent.schedules import SCHEDULES
from stages.mlp.gradient_descent.update import State, When
from stages.mlp.network import Network
from stages.mlp.training.data.dataset import Dataset
from stages.mlp.training.history import Epoch
from stages.mlp.training.recipe import Recipe


class Training:
    """A training between two epochs: what it is of, and how far it has come.

    Attributes
    ----------
    network : the network that is trained
    recipe : how it is trained
    X, Y : the training set, (m, n_inputs) and (m, n_classes)
    rows : the numbers of those rows that it is trained on, (m_rows,)
    state : what changes besides the network's parameters
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
        self.state, self.candidate = State(network, recipe.update), Network(network.architecture)
        self.epochs: list[Epoch] = []
        self.best, self.seconds, self.checksum = 0, 0.0, ""
        self.best_parameters, self.best_statistics = network.parameters.copy(), network.statistics.copy()
        self.n_epoch_steps = -(-len(data) // recipe.batch_size)
        self.n_steps = recipe.epochs * self.n_epoch_steps

    def when(self, step: int) -> When:
        """The step after ``step`` others, and its learning rate."""
        factor = SCHEDULES[self.recipe.schedule](step, self.n_steps, self.recipe.warm_up)
        return When(step + 1, self.recipe.learning_rate * factor)

    def make_candidate(self) -> None:
        """After an epoch: copy the network's weights, or the averaged ones."""
        self.candidate.parameters[...] = self.state.averaged if self.recipe.ema else self.network.parameters
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
            "memory": self.state.memory,
            "averaged": self.state.averaged,
            "best_parameters": self.best_parameters,
            "best_statistics": self.best_statistics,
        }

    def identity(self) -> Any:
        """What must be equal for a checkpoint to be of this training, as JSON gives it back."""
        return json.loads(json_of([asdict(self.recipe), asdict(self.network.architecture), self.checksum]))


def save_checkpoint(path: str | Path, training: Training) -> None:
    """Write ``training`` to ``path``, which holds the previous checkpoint until this one is complete."""
    header = {
        "identity": training.identity(),
        "epochs": [asdict(epoch) for epoch in training.epochs],
        "best": training.best,
        "step": training.state.step,
        "seconds": training.seconds,
    }
    with replacing(Path(path)) as file:
        write_arrays(file, header, training.arrays())


def load_checkpoint(path: str | Path, training: Training) -> bool:
    """Bring ``training`` to where ``path`` left off; False where there is nothing that is of use.

    A damaged checkpoint, or one of another training, is of no use: training then starts anew.
    """
    try:
        header, found = read_arrays(path)
        if header["identity"] != training.identity():
            return False
        epochs = [Epoch(**epoch) for epoch in header["epochs"]]
        best, step, seconds = int(header["best"]), int(header["step"]), float(header["seconds"])
        numbers = [step, seconds, *(number for epoch in epochs for number in astuple(epoch) if number is not None)]
        is_sound = [epoch.epoch for epoch in epochs] == list(range(1, len(epochs) + 1)) and 1 <= best <= len(epochs)
        if not is_sound or not np.isfinite(numbers).all():
            return False
        if not all(is_like(found[name], array) for name, array in training.arrays().items()):
            return False
    except (FileNotFoundError, ArchiveError, KeyError, TypeError, ValueError, OverflowError):
        return False
    for name, array in training.arrays().items():
        array[...] = found[name]
    training.epochs, training.best, training.state.step, training.seconds = epochs, best, step, seconds
    return True


def is_like(found: Floats, array: Floats) -> bool:
    """Whether ``found`` can take the place of ``array``."""
    return found.shape == array.shape and found.dtype == array.dtype and bool(np.isfinite(found).all())


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of ``path`` at once when it is complete, or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)  # what a killed run left; and a link is never written through
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
