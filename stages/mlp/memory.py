"""Arrays that a training's processes share: what one writes, the others see.

They lie in anonymous memory that a forked process inherits, and that is freed with the last array on it.
"""

from __future__ import annotations

from math import prod
from mmap import mmap
from typing import Any

import numpy as np
import numpy.typing as npt


def shared_zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array like ``np.zeros``, in memory that survives a fork as one and the same."""
    shape = (shape,) if isinstance(shape, int) else shape
    n_bytes = prod(shape) * np.dtype(dtype).itemsize
    if n_bytes == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap(-1, n_bytes), dtype).reshape(shape)
