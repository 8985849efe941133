"""How digits are placed in their images: measured in the training images, so that pictures and drawings match them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEASURED = 2000  # images; enough to see how all of them are framed
SLANTED = 4 / np.pi  # a line has this many pixel edges per pixel of length, averaged over all directions


@dataclass(frozen=True, slots=True)
class Framing:
    """How digits are placed in their images.

    Attributes
    ----------
    box : share of the image that the longer side of the ink takes; 20 / 28 in MNIST
    stroke : width of the strokes as a share of that side; 2.5 pixels of 20 in MNIST
    centre : where the centre of mass lies, down and right, as shares of the image; in MNIST it is in pixel 14, 14
    """

    box: float = 20 / 28
    stroke: float = 0.125
    centre: tuple[float, float] = (14.5 / 28, 14.5 / 28)


MNIST = Framing()


def stroke_width(is_ink: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean width of the strokes in each of ``is_ink`` (m, height, width), in pixels: area over half the edges."""
    padded = np.pad(is_ink, ((0, 0), (1, 1), (1, 1)))
    n_edges = sum(np.sum(padded ^ np.roll(padded, 1, axis), axis=(1, 2)) for axis in (1, 2))
    return np.asarray(2 * SLANTED * is_ink.sum(axis=(1, 2)) / np.maximum(1, n_edges))


def find_framing(X: NDArray[Any], height: int, width: int) -> Framing:
    """The median framing of the first ``MEASURED`` images of ``X`` (m, height * width), light on dark in any range."""
    images = np.asarray(X[:MEASURED], np.float32).reshape(-1, height, width)
    images = images - images.min(axis=(1, 2), keepdims=True)
    largest = images.max(axis=(1, 2))
    is_drawn = np.isfinite(largest) & (largest > 0)
    images = images[is_drawn] / largest[is_drawn, None, None]
    if not len(images):
        return MNIST
    extents, centres = [], []  # down and right, in pixels
    for axis, side in ((2, height), (1, width)):
        mass = images.sum(axis=axis)  # (m, side)
        lines = np.asarray((images > 0.1).any(axis=axis))  # (m, side)
        extents.append(side - lines.argmax(axis=1) - lines[:, ::-1].argmax(axis=1))
        centres.append(float(np.median(mass @ (np.arange(side) + 0.5) / mass.sum(axis=1))) / side)
    down, right = extents
    return Framing(
        box=float(np.median(np.maximum(down / height, right / width))),
        stroke=float(np.median(stroke_width(images > 0.5) / np.maximum(down, right))),
        centre=(centres[0], centres[1]),
    )
