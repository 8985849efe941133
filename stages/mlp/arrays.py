"""The array types of the network, named once, and how the memory of a mapped array is given back."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Rows = npt.NDArray[np.int64]  # numbers of rows, (m,)

# A mapped file up to this size stays in memory once it has been read.
KEPT_BYTES = 128 * 2**20


def forget_pages(X: npt.NDArray[Any]) -> None:
    """Give back the memory into which ``X`` has been read so far, if it is a large mapped file.

    It can be read again at any time. Without this call, a process that goes through the file once holds all of it.
    """
    if isinstance(X, np.memmap) and isinstance(X.base, mmap.mmap) and X.nbytes > KEPT_BYTES:
        X.base.madvise(mmap.MADV_DONTNEED)
