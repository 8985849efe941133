"""The checkpoint: everything that is needed to resume a training that was interrupted.

The resumed training ends with the same weights. The state of random generators is not needed, because every epoch makes
new generators from the seed and the number of the epoch.
"""

from __future__ import annotations

from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from stages.mlp.archive import ArchiveError, check_arrays, read_arrays, write_arrays
from stages.mlp.training.history import Epoch
from stages.mlp.training.training_state import TrainingState


def save_checkpoint(path: str | Path, training: TrainingState) -> None:
    """Write a checkpoint of ``training``. ``path`` keeps the previous checkpoint until the new one is complete."""
    header = {
        "identity": training.identity(),
        "epochs": [asdict(epoch) for epoch in training.epochs],
        "best": training.best,
        "step": training.step,
        "seconds": training.seconds,
    }
    path = Path(path)
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)  # a killed run may have left one, or it is a link, which must not be followed
    try:
        with temporary.open("xb") as file:
            write_arrays(file, header, training.arrays())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: str | Path, training: TrainingState) -> bool:
    """Load a checkpoint into ``training``. Returns False, and changes nothing, if there is no valid checkpoint.

    A checkpoint that is damaged, or that belongs to another training, is not valid.
    Raises ValueError if ``path`` cannot become a file: it is a folder, pipe or device, or there is no folder for it.
    """
    path = Path(path)
    may_be_replaced = path.is_symlink() or path.is_file() or not path.exists()  # a link is, not what it points at
    if not may_be_replaced or not path.parent.is_dir():
        raise ValueError(f"checkpoint must be a file in a folder that exists, not {path}")
    try:
        header, found = read_arrays(path)
        if header["identity"] != training.identity():
            return False
        for epoch in header["epochs"]:
            check_types(epoch, get_type_hints(Epoch))
        check_types(header, {"best": int, "step": int, "seconds": float})
        epochs = [Epoch(**epoch) for epoch in header["epochs"]]
        best, step, seconds = header["best"], header["step"], header["seconds"]
        numbers = [step, seconds, *(number for epoch in epochs for number in astuple(epoch) if number is not None)]
        is_sound = [epoch.epoch for epoch in epochs] == list(range(1, len(epochs) + 1)) and 1 <= best <= len(epochs)
        if not is_sound or not np.isfinite(numbers).all():
            return False
        check_arrays(found, {name: (array.shape, array.dtype) for name, array in training.arrays().items()})
    except (FileNotFoundError, ArchiveError, KeyError, TypeError, ValueError, OverflowError):
        return False
    for name, array in training.arrays().items():
        array[...] = found[name]
    training.epochs, training.best, training.step, training.seconds = epochs, best, step, seconds
    return True


def check_types(values: dict[str, Any], types: dict[str, Any]) -> None:
    """Raise KeyError if a value is missing, and TypeError if it is of another type. A bool is not a number."""
    for name, kind in types.items():
        if not isinstance(values[name], kind) or isinstance(values[name], bool):
            raise TypeError(f"{name} is {values[name]!r}, not {kind}")
