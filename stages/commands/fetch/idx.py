"""Read IDX, the format of MNIST's files, gzipped.

A file has two zero bytes, the type of the values (8: unsigned bytes), the number of dimensions, the size of each
dimension as a big-endian number of four bytes, and then the values, row by row. The format is described on MNIST's own
page, http://yann.lecun.com/exdb/mnist.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from stages.ingest.sources.zip_files import reason_of

UNSIGNED_BYTES = 8
REPLACE = "remove it, and fetch again"


def read_idx(path: Path, n_dimensions: int) -> NDArray[np.uint8]:
    """The values in a gzipped IDX file: uint8, of ``n_dimensions``; DataError if it is damaged, or another file."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} {reason_of(error)}", where=str(path), hint=REPLACE) from error
    beginning = bytes([0, 0, UNSIGNED_BYTES, n_dimensions])
    header = 4 + 4 * n_dimensions
    if len(content) < header or not content.startswith(beginning):
        what = f"{path.name} is not an IDX file of unsigned bytes with {n_dimensions} dimensions"
        first = content[:4].hex(" ") or "none"
        raise DataError(what, where=f"{path}, first bytes: {first}", hint=REPLACE)
    shape = tuple(np.frombuffer(content, dtype=">u4", count=n_dimensions, offset=4).tolist())
    if len(content) != header + math.prod(shape):
        size = " x ".join(f"{n:,}" for n in shape)
        what = f"{path.name} says that it holds {size} values, and has {len(content) - header:,}"
        raise DataError(what, where=str(path), hint=REPLACE)
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
