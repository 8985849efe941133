"""The arrays of the network: their types, named once; in memory that replicas share; and in a mapped file."""

from __future__ import annotations

import mmap
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Rows = npt.NDArray[np.int64]  # numbers of rows, (m,)

# A mapped file up to this size stays in memory once it has been read.
KEPT_BYTES = 128 * 2**20


def shared_zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array like ``np.zeros`` that a forked process shares with its parent: what one writes, the other sees."""
    shape = shape if isinstance(shape, tuple) else (int(shape),)
    n_bytes = prod(shape) * np.dtype(dtype).itemsize
    if n_bytes == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, n_bytes), dtype).reshape(shape)


def forget_pages(X: npt.NDArray[Any]) -> None:
    """Give back the memory into which ``X`` has been read so far, if it is a large mapped file.

    It can be read again at any time. Without this call, a process that goes through the file once holds all of it.
    """
    if isinstance(X, np.memmap) and isinstance(X.base, mmap.mmap) and X.nbytes > KEPT_BYTES:
        X.base.madvise(mmap.MADV_DONTNEED)
