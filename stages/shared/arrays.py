"""The arrays of the stages: what they hold, by name, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.shared.damaged_error import damaged
from stages.shared.messages import shortened

Pixels = NDArray[np.uint8]  # as they stand in a file: 0 to 255
Inputs = NDArray[np.floating[Any]]  # pixels as inputs of the network: in [0, 1]
Labels = NDArray[np.int64] | NDArray[np.str_]  # as they stand in a file
Indices = NDArray[np.int64]  # of rows, or of classes, from 0
Probabilities = NDArray[np.float32]  # (m, n_classes): those of a row sum to 1


def border(image: NDArray[Any]) -> NDArray[Any]:
    """The pixels at the four edges of ``image`` (height, width), one after the other; corners twice."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def load_array(path: Path, *, stage: str, n_dimensions: int, dtype: Any = None) -> NDArray[Any]:
    """The .npy file that ``stage`` wrote, memory-mapped: numbers or text in C order, of ``dtype`` if that is given.

    Raises
    ------
    DataError
        The file is no such array, or is not as long as its header says.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy raises errors of every kind for damage, of memory too
        raise damaged(path, f"not a readable .npy file: {shortened(str(error), 200)}", stage) from error
    if dtype is not None and array.dtype != dtype:
        raise damaged(path, f"the values are {array.dtype}, not {np.dtype(dtype)}", stage)
    if array.dtype.kind not in "iufU":
        raise damaged(path, f"the values are {array.dtype}, neither numbers nor text", stage)
    if array.ndim != n_dimensions or not array.flags.c_contiguous:
        raise damaged(path, f"not {n_dimensions} dimensions in C order, but of shape {array.shape}", stage)
    return array
