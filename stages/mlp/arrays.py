"""Array types, arrays in shared memory, and memory-mapped arrays."""

from __future__ import annotations

import mmap
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Rows = npt.NDArray[np.int64]  # indices of rows, (m,)

CACHE_LINE = 64  # bytes

# The pages of a smaller mapped file stay in memory.
KEPT_BYTES = 128 * 2**20


def shared_zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Like ``np.zeros``, but in memory that a forked process shares with its parent.

    Every row, along the last axis, begins at a cache line. Otherwise most vector instructions would need two lines.
    """
    *n_rows, n = shape if isinstance(shape, tuple) else (int(shape),)
    line = CACHE_LINE // np.dtype(dtype).itemsize  # values in a cache line
    n_padded = -(-n // line) * line
    if prod(n_rows) * n == 0:
        return np.zeros((*n_rows, n), dtype)
    buffer = mmap.mmap(-1, prod(n_rows) * n_padded * np.dtype(dtype).itemsize)
    return np.frombuffer(buffer, dtype).reshape(*n_rows, n_padded)[..., :n]


def forget_pages(X: npt.NDArray[Any]) -> None:
    """Free the memory that holds the pages of ``X`` read so far, if ``X`` is a large mapped file.

    Later reads load the pages again. Without this call, a process that reads the whole file keeps all of it in memory.
    """
    if isinstance(X, np.memmap) and isinstance(X.base, mmap.mmap) and X.nbytes > KEPT_BYTES:
        X.base.madvise(mmap.MADV_DONTNEED)
