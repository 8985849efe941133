"""Memory that is not an ordinary array's: shared between processes, or mapped from a file."""

from __future__ import annotations

import mmap
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

# Mapped files up to this size stay in memory once they have been read.
KEPT_BYTES = 128 * 2**20


def shared_zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array like ``np.zeros``, of which a forked process has no copy: what one writes, the other sees."""
    shape = (shape,) if isinstance(shape, int) else shape
    n_bytes = prod(shape) * np.dtype(dtype).itemsize
    if n_bytes == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, n_bytes), dtype).reshape(shape)


def forget_pages(X: npt.NDArray[Any]) -> None:
    """Give back the memory into which ``X``, if it is a large mapped file, has been read so far.

    It can be read again at any time. Without this a process that goes through the file once holds all of it.
    """
    if isinstance(X, np.memmap) and isinstance(X.base, mmap.mmap) and X.nbytes > KEPT_BYTES:
        X.base.madvise(mmap.MADV_DONTNEED)
