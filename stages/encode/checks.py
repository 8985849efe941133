"""What every file that encode writes must hold: one check a file, called on the bytes on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.encode.documents import Classes
from stages.shared.arrays import load_array
from stages.shared.damaged_error import damaged
from stages.shared.documents import read_document

BLOCK_ROWS = 4096


def check_one_hot(path: Path) -> None:
    """Y: float32 (m, n_classes); each row a single 1 among 0s."""
    Y = load_array(path, stage="encode", dtype=np.float32, n_dimensions=2)
    for first_row in range(0, len(Y), BLOCK_ROWS):
        block = Y[first_row : first_row + BLOCK_ROWS]
        is_one = block == 1.0
        is_one_hot = (is_one | (block == 0.0)).all(axis=1) & (is_one.sum(axis=1) == 1)
        if not is_one_hot.all():
            row = int(is_one_hot.argmin())
            raise damaged(path, f"row {first_row + row} is not one-hot: {block[row].tolist()[:10]}", "encode")


def check_classes(path: Path) -> None:
    """``Classes``, as documents.py has it."""
    read_document(path, Classes, stage="encode")
