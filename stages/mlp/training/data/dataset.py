"""The rows of a training, or of its validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.mlp.arrays import Floats, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows and their labels. ``X`` and ``Y`` may be anything that NumPy can convert to arrays, such as pandas tables.

    Attributes
    ----------
    X : (M, n_inputs), of any float dtype; it may be memory-mapped, and is read in mini-batches, or in windows if it is
        large (shuffling.py)
    Y : (M, n_classes), one-hot
    rows : an array of the indices of the rows of ``X`` and ``Y`` that are used, (m_rows,); by default all. Nothing is
        copied

    Raises
    ------
    ValueError
        The shapes do not fit together, labels are not one-hot, there are no rows, or an index is out of range.
    """

    X: Floats
    Y: Floats
    rows: Rows | None = None

    def __post_init__(self) -> None:
        for name in ("X", "Y"):
            object.__setattr__(self, name, np.asanyarray(getattr(self, name)))  # keeps a memory-mapped array
        X, Y, rows = self.X, self.Y, self.rows
        if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y) or not len(X):
            raise ValueError(f"X must have the shape (M, n_inputs) and Y (M, n_classes), not {X.shape} and {Y.shape}")
        if not np.issubdtype(X.dtype, np.floating):
            raise ValueError(f"X must be of float32 or another float dtype, not {X.dtype}")
        is_right = (np.count_nonzero(Y == 1, axis=1) == 1) & (np.count_nonzero(Y, axis=1) == 1)
        if not is_right.all():
            row = int(np.argmin(is_right))
            raise ValueError(f"every row of Y must be one-hot, a single 1 and else 0; row {row} is {Y[row]}")
        if rows is None:
            return
        if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
            found = f"{rows.dtype} {rows.shape}"
            raise ValueError(f"rows must be whole numbers, (m_rows,), not {found}; of a mask, take np.flatnonzero")
        if not len(rows):
            raise ValueError("there are no rows to train on")
        if rows.min() < 0 or rows.max() >= len(X):
            wrong = rows.min() if rows.min() < 0 else rows.max()
            raise ValueError(f"rows names row {wrong}; they go from 0 to {len(X) - 1}")

    def __len__(self) -> int:
        return len(self.X if self.rows is None else self.rows)
