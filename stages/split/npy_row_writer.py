"""A .npy file whose rows are written in any order."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from stages.shared.arrays import Indices, Inputs


class RowFile:
    """A new .npy file (n_rows, n_pixels) of the given dtype.

    A memory map would take fewer lines, but every page that it touches counts as the process's memory.
    """

    def __init__(self, path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.row_bytes = shape[1] * dtype.itemsize
        self.file = path.open("w+b", buffering=0)
        write_array_header_1_0(self.file, {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
        self.first_byte = self.file.tell()
        self.file.truncate(self.first_byte + shape[0] * self.row_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, positions: Indices, X: Inputs) -> None:
        """Write row i of ``X`` (m, n_pixels) to row ``positions[i]``; neighbours go in one piece."""
        starts = np.flatnonzero(np.diff(positions, prepend=-2) != 1)
        places = (self.first_byte + positions[starts] * self.row_bytes).tolist()
        ends = [*(starts[1:] * self.row_bytes).tolist(), len(positions) * self.row_bytes]
        data, descriptor, first = X.reshape(-1).view(np.uint8).data, self.file.fileno(), 0
        for place, end in zip(places, ends, strict=False):  # no rows, no places
            if os.pwrite(descriptor, data[first:end], place) < end - first:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.file.name)
            first = end
