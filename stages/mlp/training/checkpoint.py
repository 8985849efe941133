"""The checkpoint: everything that a killed training needs to go on as if nothing had happened.

Random numbers need no place in it. Those of an epoch come from generators made of the recipe's seed and the
epoch's number, so the number of finished epochs is all that there is to remember about them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np

from stages.mlp.archive import json_of, write_arrays
from stages.mlp.arrays import Floats
from stages.mlp.network import Network
from stages.mlp.training.history import Epoch
from stages.mlp.training.recipe import Recipe
from stages.mlp.training.update import State

# What NumPy and zipfile raise for a file that is damaged.
DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    BadZipFile,
    zlib.error,
)


@dataclass(slots=True)
class Training:
    """A training between two epochs."""

    network: Network
    state: State
    recipe: Recipe
    work: str  # the rows, the initial weights and the augmentation in short; a checkpoint is for one of these
    best_parameters: Floats
    best_statistics: Floats
    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    seconds: float = 0.0

    def finish(self, epoch: Epoch, candidate: Network) -> None:
        """Note ``epoch``, and keep the weights of ``candidate`` if none were as good, or if the last are wanted."""
        self.epochs.append(epoch)
        is_last_kept = self.recipe.keep == "last" or epoch.validation_accuracy is None
        if is_last_kept or self.best == 0 or epoch.merit > self.epochs[self.best - 1].merit:
            self.best = epoch.epoch
            self.best_parameters[...] = candidate.parameters
            self.best_statistics[...] = candidate.statistics

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

    def identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be of this training, as JSON gives it back."""
        recipe = asdict(self.recipe)
        architecture = asdict(self.network.architecture)
        identity: dict[str, Any] = json.loads(json_of([recipe, architecture, self.work]))
        return identity


def save_checkpoint(path: Path, training: Training) -> None:
    """Write ``training`` to ``path``, which holds the previous checkpoint until this one is complete."""
    header = {
        "identity": training.identity(),
        "epochs": [asdict(epoch) for epoch in training.epochs],
        "best": training.best,
        "step": training.state.step,
        "seconds": training.seconds,
    }
    with replacing(path) as file:
        write_arrays(file, header, training.arrays())


def load_checkpoint(path: Path, training: Training) -> bool:
    """Bring ``training`` to where ``path`` left off; False where there is nothing that is of use.

    A damaged checkpoint, or one of another training, is of no use: training then starts anew.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["identity"] != training.identity():
                return False
            arrays = {name: file[name] for name in training.arrays()}
            if any(arrays[name].shape != array.shape for name, array in training.arrays().items()):
                return False
    except DAMAGE:
        return False
    for name, array in training.arrays().items():
        array[...] = arrays[name]
    training.epochs = [Epoch(**epoch) for epoch in header["epochs"]]
    training.best, training.state.step, training.seconds = header["best"], header["step"], header["seconds"]
    return True


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
