"""Arrays that are mapped from a file: how their memory is given back."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

# A mapped file up to this size stays in memory once it has been read.
KEPT_BYTES = 128 * 2**20


def forget_pages(X: npt.NDArray[Any]) -> None:
    """Give back the memory into which ``X`` has been read so far, if it is a large mapped file.

    It can be read again at any time. Without this call, a process that goes through the file once holds all of it.
    """
    if isinstance(X, np.memmap) and isinstance(X.base, mmap.mmap) and X.nbytes > KEPT_BYTES:
        X.base.madvise(mmap.MADV_DONTNEED)
