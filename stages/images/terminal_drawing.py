"""Images as text: two pixels in each half-block where a terminal has colours, and characters of ink elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stages.shared.arrays import Pixels

if TYPE_CHECKING:
    from rich.text import Text


UPPER_HALF = "\N{UPPER HALF BLOCK}"
RAMP = " .:-=+*#%@"  # from no ink to most
COMFORTABLE = 24  # pixels; smaller images are drawn enlarged
GAP = 2  # columns between two images


def fitted(image: Pixels, columns: int) -> Pixels:
    """``image`` scaled up or down by a whole number, so that it fits into ``columns`` and is large enough to see."""
    height, width = image.shape
    zoom = min(COMFORTABLE // max(height, width), columns // width)
    if zoom >= 1:
        return image.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return averaged(image, -(-width // columns), -(-width // columns))


def averaged(image: Pixels, down: int, right: int) -> Pixels:
    """Each ``down`` x ``right`` pixels of ``image`` as one; what is missing at the edges is black."""
    height, width = image.shape
    padded = np.pad(image, ((0, -height % down), (0, -width % right)))
    blocks = padded.reshape(len(padded) // down, down, -1, right)
    means: Pixels = np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return means


def half_blocks(images: Sequence[Pixels]) -> Text:
    """``images`` of one size side by side, two rows of pixels in each line of text, in greys."""
    from rich.text import Text

    text = Text()
    height, width = images[0].shape
    padded = [np.pad(image, ((0, height % 2), (0, 0))) for image in images]
    for top in range(0, height, 2):
        for index, image in enumerate(padded):
            text.append(" " * GAP if index else "")
            for column in range(width):
                upper, lower = int(image[top, column]), int(image[top + 1, column])
                text.append(UPPER_HALF, style=f"rgb({upper},{upper},{upper}) on rgb({lower},{lower},{lower})")
        text.append("\n")
    return text


def characters(images: Sequence[Pixels], columns: int) -> str:
    """``images`` of one size side by side in plain characters: two a pixel where they fit, else one for two pixels.

    At most one blank line is drawn above the ink, and one below.
    """
    width = images[0].shape[1]
    is_wide = len(images) * 2 * width + (len(images) - 1) * GAP <= columns
    drawn = [image.repeat(2, axis=1) if is_wide else averaged(image, 2, 1) for image in images]
    levels = [np.round(image / 255 * (len(RAMP) - 1)).astype(int) for image in drawn]
    rows = (["".join(RAMP[level] for level in line) for line in lines] for lines in zip(*levels, strict=True))
    text = [(" " * GAP).join(row).rstrip() for row in rows]
    inked = [index for index, line in enumerate(text) if line] or [0]
    return "\n".join(text[max(0, inked[0] - 1) : inked[-1] + 2])
