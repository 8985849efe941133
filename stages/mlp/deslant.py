"""Upright images: the slant of each is measured and taken out by a shear.

A network that is shown upright digits errs on other ones than a network that is shown them as they were written,
and so the two know more together than two of a kind. LeCun, Bottou, Bengio and Haffner, "Gradient-based learning
applied to document recognition" (1998), deslant by moments like this.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

BLOCK_ROWS = 512  # their arrays fit the processor's cache
STEEPEST = 1.0  # columns per row; what leans more is no slanted digit
FAINT = 1e-6  # in place of 0, where an image is empty or a single row


def deslant(X: Floats, height: int, width: int) -> Floats:
    """Images like those of ``X``, (m, height * width) with 0 as background, sheared until they stand upright.

    The slant is the covariance of column and row, weighted by brightness, over the variance of the row. Every row
    of pixels is moved by the slant times its distance from the centre of brightness, between pixels linearly.
    """
    out = np.empty_like(X)
    for start in range(0, len(X), BLOCK_ROWS):
        out[start : start + BLOCK_ROWS] = deslant_block(X[start : start + BLOCK_ROWS], height, width)
    return out


def deslant_block(X: Floats, height: int, width: int) -> Floats:
    """The same for a few images, (m, height * width)."""
    m = len(X)
    y, x = (each.ravel().astype(X.dtype) for each in np.mgrid[:height, :width])
    terms = np.stack([np.ones_like(y), y, x, y * y, y * x], axis=1)  # (n, 5)
    total, sum_y, sum_x, sum_yy, sum_yx = (X @ terms).T
    total = np.maximum(total, FAINT)
    centre = sum_y / total  # (m,)
    covariance = sum_yx / total - centre * sum_x / total
    variance = sum_yy / total - centre**2
    slant = np.clip(covariance / np.maximum(variance, FAINT), -STEEPEST, STEEPEST)

    shift = slant[:, None] * (np.arange(height, dtype=X.dtype) - centre[:, None])  # (m, height), in columns
    before = np.floor(shift)
    nearness = (shift - before)[:, :, None]  # to the pixel after it
    padded = np.pad(X.reshape(m, height, width), ((0, 0), (0, 0), (1, 1)))
    first = np.arange(width) + before[:, :, None].astype(np.intp) + 1  # (m, height, width), places in a padded row
    left = np.take_along_axis(padded, np.clip(first, 0, width + 1), axis=2)
    right = np.take_along_axis(padded, np.clip(first + 1, 0, width + 1), axis=2)
    upright: Floats = left + (right - left) * nearness
    return upright.reshape(m, -1)
