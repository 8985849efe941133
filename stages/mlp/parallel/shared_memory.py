"""Memory that replicas share, whether they are threads or forked processes."""

from __future__ import annotations

import mmap
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt


def shared_zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array like ``np.zeros`` that a forked process shares with its parent: what one writes, the other sees."""
    shape = shape if isinstance(shape, tuple) else (int(shape),)
    n_bytes = prod(shape) * np.dtype(dtype).itemsize
    if n_bytes == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, n_bytes), dtype).reshape(shape)
