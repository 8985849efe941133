"""What every file that split writes must hold: one check a file, called on the bytes on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.shared.arrays import load_array
from stages.shared.damaged_error import damaged
from stages.shared.documents import read_document
from stages.shared.messages import counted
from stages.split.documents import ImageFormat

BLOCK_ROWS = 4096


def check_pixels(path: Path) -> None:
    """X: float32 or float64 (m, n_pixels) in C order, every value in [0, 1]."""
    X = load_array(path, stage="split", n_dimensions=2)
    if X.dtype not in {np.dtype(np.float32), np.dtype(np.float64)}:
        raise damaged(path, f"pixels are {X.dtype}, not float32 or float64", "split")
    for first_row in range(0, len(X), BLOCK_ROWS):
        block = read_block(path, X, first_row)
        if not (block.min(initial=0.0) >= 0.0 and block.max(initial=1.0) <= 1.0):  # false for NaN too
            cells = np.argwhere(~((block >= 0.0) & (block <= 1.0)))
            shown = ", ".join(
                f"row {first_row + row} column {column}: {block[row, column]}" for row, column in cells[:5]
            )
            raise damaged(path, f"{counted(len(cells), 'value')} of one block outside [0, 1]: {shown}", "split")


def read_block(path: Path, X: NDArray[Any], first_row: int) -> NDArray[Any]:
    """Read the rows of ``X`` from its file: pages of a memory map would count as the process's memory."""
    n_rows = min(BLOCK_ROWS, len(X) - first_row)
    offset = int(getattr(X, "offset", 0)) + first_row * X.strides[0]
    return np.fromfile(path, X.dtype, n_rows * X.shape[1], offset=offset).reshape(n_rows, X.shape[1])


def check_labels(path: Path) -> None:
    """Labels: int64 or text (m,); none where no rows are held out."""
    labels = load_array(path, stage="split", n_dimensions=1)
    if labels.dtype != np.int64 and labels.dtype.kind != "U":
        raise damaged(path, f"labels are {labels.dtype}, not int64 or text", "split")


def check_rows(path: Path) -> None:
    """Row numbers: int64 (m,), none negative, none twice."""
    rows = load_array(path, stage="split", dtype=np.int64, n_dimensions=1)
    if (rows < 0).any():
        raise damaged(path, f"row number {int(rows.min())} is negative", "split")
    distinct, counts = np.unique(rows, return_counts=True)
    if len(distinct) < len(rows):
        raise damaged(path, f"row number {int(distinct[counts > 1][0])} occurs more than once", "split")


def check_images(path: Path) -> None:
    """``ImageFormat``, as documents.py has it."""
    read_document(path, ImageFormat, stage="split")
