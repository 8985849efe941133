"""Deskewing: slanted digits are set upright, and the widths of digits are made more even.

A network that sees deskewed digits makes other mistakes than a network that sees them as they were written. So an
ensemble of both makes fewer. The slant is measured by moments as in LeCun, Bottou, Bengio and Haffner, "Gradient-based
learning applied to document recognition" (1998); members of an ensemble that see digits of different width are from
Meier, Ciresan, Gambardella and Schmidhuber (2011).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stages.mlp.arrays import Floats

BLOCK_ROWS = 512  # their arrays fit the processor's cache
STEEPEST = 1.0  # columns per row; what leans more is no slanted digit
USUAL_SPREAD = 0.16  # standard deviation of the ink's columns in most digits, as a share of the image's width
NARROWEST, WIDEST = 0.35, 1.6  # how far an image is stretched and squeezed at the most
FAINT = 1e-6  # in place of 0, where an image is empty or its ink in one row


def deskewed(X: Floats, height: int, width: int, deskew: str) -> Floats:
    """The images ``X``, (m, height * width) with 0 as background, deskewed as ``deskew``, a name in DESKEWS, says."""
    if deskew == "none":
        return X
    out = np.empty(X.shape, X.dtype)
    for start in range(0, len(X), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        images = DESKEWS[deskew](X[block].reshape(-1, height, width))
        out[block] = images.reshape(-1, height * width)
    return out


def without_slant(images: Floats) -> Floats:
    """Shear the images (m, height, width) until the ink's columns and rows are uncorrelated."""
    y, x = (from_middle(side, images) for side in images.shape[1:])
    total, middle_y, middle_x = middle(images)
    rows = images.sum(axis=2)  # (m, height), the ink in each
    variance = rows @ (y * y) / total - middle_y**2
    covariance = ((images @ x) @ y) / total - middle_y * middle_x
    slant = np.clip(covariance / np.maximum(variance, FAINT), -STEEPEST, STEEPEST)
    return at_columns(images, x + (slant[:, None] * (y - middle_y[:, None]))[:, :, None])


def without_slant_and_of_like_width(images: Floats) -> Floats:
    """Then stretch or squeeze the columns, and move the centre of the ink to the middle.

    The ink's standard deviation comes half of the way, on a logarithmic scale, to the usual one.
    """
    images = without_slant(images)
    width = images.shape[2]
    x = from_middle(width, images)
    total, _, middle_x = middle(images)
    columns = images.sum(axis=1)  # (m, width), the ink in each
    spread = np.sqrt(np.maximum(columns @ (x * x) / total - middle_x**2, 0))
    factor = np.clip(np.sqrt(spread / (USUAL_SPREAD * width)), NARROWEST, WIDEST)
    places = middle_x[:, None] + x * factor[:, None]  # (m, width)
    return at_columns(images, np.broadcast_to(places[:, None], images.shape))


def middle(images: Floats) -> tuple[Floats, Floats, Floats]:
    """How much ink there is in each image, and its centre's row and column from the image's middle, each (m,)."""
    y, x = (from_middle(side, images) for side in images.shape[1:])
    rows, columns = images.sum(axis=2), images.sum(axis=1)
    total = np.maximum(rows.sum(axis=1), FAINT)
    return total, rows @ y / total, columns @ x / total


def from_middle(side: int, images: Floats) -> Floats:
    """Where the rows or the columns of an image lie, counted from its middle: (side,).

    Most ink is near the middle. Counted from there, the squares are small, and their differences are not lost in
    rounding.
    """
    return np.arange(side, dtype=images.dtype) - (side - 1) / 2


def at_columns(images: Floats, places: Floats) -> Floats:
    """Each pixel's value at the column ``places`` of its row, between two pixels linearly.

    Both are (m, height, width). ``places`` are counted from the middle.
    """
    width = images.shape[2]
    places = places + (width - 1) / 2
    before = np.floor(places)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1)))
    first = before.astype(np.intp) + 1  # places in a padded row
    left = np.take_along_axis(padded, np.clip(first, 0, width + 1), axis=2)
    right = np.take_along_axis(padded, np.clip(first + 1, 0, width + 1), axis=2)
    found: Floats = left + (right - left) * (places - before).astype(images.dtype)
    return found


DESKEWS: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda images: images,
    "slant": without_slant,
    "slant_and_width": without_slant_and_of_like_width,
}
