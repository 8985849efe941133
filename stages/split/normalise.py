"""The normaliser: how a raw pixel becomes a number in [0, 1], fitted on the training rows only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from stages.ingest.image_table import read_pixel_blocks
from stages.shared.arrays import Indices, Inputs, Pixels
from stages.split.divide import position_of
from stages.split.documents import Normaliser, Scaling

NARROW = 0.8  # of 0 to 255; auto divides a narrower range by its own width


def kind_of(setting: str, pixel_range: tuple[int, int]) -> Scaling:
    """The kind of normaliser by ``split.normalise``, for training images whose pixels lie in ``pixel_range``."""
    smallest, largest = pixel_range
    is_narrow = 0 < largest - smallest < NARROW * 255
    return "min_max" if setting == "min_max" or (setting == "auto" and is_narrow) else "range"


def fit_normaliser(
    kind: Scaling, table: Path, rows: Indices, *, n_rows: int, is_dark_on_light: bool = False
) -> Normaliser:
    """The normaliser of ``kind``, fitted on only the training ``rows`` (n_train,) of the ``n_rows`` in ``table``.

    With either kind, the background of an image becomes 0 and the ink 1.

    Raises
    ------
    DataError
        ``min_max`` is asked for, and every training pixel has the same value.
    """
    lowest, highest = (0, 255) if kind == "range" else pixel_range(table, position_of(rows, n_rows) >= 0)
    background, ink = (highest, lowest) if is_dark_on_light else (lowest, highest)
    return Normaliser(kind=kind, offset=float(background), scale=float(ink - background))


def pixel_range(table: Path, is_training: NDArray[np.bool_]) -> tuple[int, int]:
    """The smallest and the largest pixel of the training rows of ``table``; DataError if they are the same."""
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
    return lowest, highest


def normalise(pixels: Pixels, normaliser: Normaliser, dtype: np.dtype[Any]) -> Inputs:
    """``pixels`` (m, n_pixels) as numbers in [0, 1]; what lies outside the fitted range is clipped."""
    X: Inputs = np.subtract(pixels, normaliser.offset, dtype=dtype)  # (m, n_pixels)
    X /= dtype.type(normaliser.scale)
    return np.clip(X, 0.0, 1.0, out=X)
