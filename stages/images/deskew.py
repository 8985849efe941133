"""Deskewing removes the slant of digits, and makes their widths more equal.

A network that is trained on deskewed digits makes other mistakes than a network that is trained on the original ones.
So an ensemble of both makes fewer mistakes. The slant is measured by image moments (LeCun, Bottou, Bengio and Haffner,
"Gradient-based learning applied to document recognition", 1998). Ensembles whose members see digits of different widths
are from Meier, Ciresan, Gambardella and Schmidhuber (2011).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stages.shared.arrays import Inputs

BLOCK_ROWS = 512  # the arrays of so many rows fit the processor's cache
MAX_SLANT = 1.0  # columns per row; a digit is not slanted more
TARGET_SPREAD = 0.16  # standard deviation of the ink's columns in most digits, as a fraction of the image's width
MIN_FACTOR, MAX_FACTOR = 0.35, 1.6  # limits of stretching (below 1) and squeezing (above 1)
EPSILON = 1e-6  # in place of 0, where an image is empty or all its ink is in one row


def deskewed(X: Inputs, height: int, width: int, deskew: str) -> Inputs:
    """Deskewed images. ``X`` is (m, height * width) with 0 as background, and ``deskew`` is a name in ``DESKEWS``."""
    if deskew == "none":
        return X
    out = np.empty(X.shape, X.dtype)
    for start in range(0, len(X), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        images = DESKEWS[deskew](X[block].reshape(-1, height, width))
        out[block] = images.reshape(-1, height * width)
    return out


def remove_slant(images: Inputs) -> Inputs:
    """Shear the images (m, height, width) until the columns and the rows of the ink are uncorrelated."""
    y, x = (centred_coordinates(side, images) for side in images.shape[1:])
    total, centre_y, centre_x = ink_centre(images)
    rows = images.sum(axis=2)  # (m, height), the ink in each row
    variance = rows @ (y * y) / total - centre_y**2
    covariance = ((images @ x) @ y) / total - centre_y * centre_x
    slant = np.clip(covariance / np.maximum(variance, EPSILON), -MAX_SLANT, MAX_SLANT)
    return sample_columns(images, x + (slant[:, None] * (y - centre_y[:, None]))[:, :, None])


def remove_slant_and_scale_width(images: Inputs) -> Inputs:
    """Remove the slant, scale the columns, and move the ink's centre to the image's middle column.

    The scaling takes the ink's standard deviation half of the way to ``TARGET_SPREAD``, on a logarithmic scale.
    """
    images = remove_slant(images)
    width = images.shape[2]
    x = centred_coordinates(width, images)
    total, _, centre_x = ink_centre(images)
    columns = images.sum(axis=1)  # (m, width), the ink in each column
    spread = np.sqrt(np.maximum(columns @ (x * x) / total - centre_x**2, 0))
    factor = np.clip(np.sqrt(spread / (TARGET_SPREAD * width)), MIN_FACTOR, MAX_FACTOR)
    positions = centre_x[:, None] + x * factor[:, None]  # (m, width)
    return sample_columns(images, np.broadcast_to(positions[:, None], images.shape))


def ink_centre(images: Inputs) -> tuple[Inputs, Inputs, Inputs]:
    """The amount of ink in each image, and the row and the column of its centre, each (m,). See centred_coordinates."""
    y, x = (centred_coordinates(side, images) for side in images.shape[1:])
    rows, columns = images.sum(axis=2), images.sum(axis=1)
    total = np.maximum(rows.sum(axis=1), EPSILON)
    return total, rows @ y / total, columns @ x / total


def centred_coordinates(side: int, images: Inputs) -> Inputs:
    """The coordinates of the rows or columns of an image, (side,); 0 is the middle of the image.

    Most ink is near the middle. So the squares of these coordinates are small, and rounding loses little.
    """
    return np.arange(side, dtype=images.dtype) - (side - 1) / 2


def sample_columns(images: Inputs, positions: Inputs) -> Inputs:
    """The values of each row at the column ``positions``, interpolated linearly.

    Both are (m, height, width). The positions are centred coordinates.
    """
    width = images.shape[2]
    positions = positions + (width - 1) / 2
    floor = np.floor(positions)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1)))
    first = floor.astype(np.intp) + 1  # columns of the padded image
    left = np.take_along_axis(padded, np.clip(first, 0, width + 1), axis=2)
    right = np.take_along_axis(padded, np.clip(first + 1, 0, width + 1), axis=2)
    values: Inputs = left + (right - left) * (positions - floor).astype(images.dtype)
    return values


DESKEWS: dict[str, Callable[[Inputs], Inputs]] = {
    "none": lambda images: images,
    "slant": remove_slant,
    "slant_and_width": remove_slant_and_scale_width,
}
