"""The normaliser: how a raw pixel becomes a number in [0, 1], fitted on the training rows only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import DataError
from stages.ingest.image_table import read_pixel_blocks
from stages.shared.arrays import Indices, Inputs, Pixels
from stages.split.divide import position_of
from stages.split.documents import Normaliser


def fit_normaliser(kind: str, table: Path, rows: Indices, *, n_rows: int) -> Normaliser:
    """The normaliser of ``kind``, seeing only the training ``rows`` (n_train,) of ``table``.

    Raises
    ------
    DataError
        ``min_max`` is asked for, and every training pixel has the same value.
    """
    if kind == "range":
        return Normaliser(kind="range", offset=0.0, scale=255.0)
    is_training = position_of(rows, n_rows) >= 0
    lowest, highest, first_row = 255, 0, 0
    for block in read_pixel_blocks(table):
        seen = block[is_training[first_row : first_row + len(block)]]
        lowest, highest = min(lowest, int(seen.min(initial=255))), max(highest, int(seen.max(initial=0)))
        first_row += len(block)
    if lowest >= highest:
        raise DataError(
            f"every pixel of the training rows is {highest}, so they have no range to scale by",
            where="ingest/train.parquet",
            hint="pipeline run split --set split.normalise=range",
        )
    return Normaliser(kind="min_max", offset=float(lowest), scale=float(highest - lowest))


def normalise(pixels: Pixels, normaliser: Normaliser, dtype: np.dtype[Any]) -> Inputs:
    """``pixels`` (m, n_pixels) as numbers in [0, 1]; what lies outside the fitted range is clipped."""
    X: Inputs = np.subtract(pixels, normaliser.offset, dtype=dtype)  # (m, n_pixels)
    X /= dtype.type(normaliser.scale)
    return np.clip(X, 0.0, 1.0, out=X)
