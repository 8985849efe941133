"""A drawn 7, and the image that it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from stages.images.digit_framing import MNIST, Framing
from stages.images.picture_to_input import cropped, framed, ink, picture_to_input
from stages.images.pixel_scale import PixelScale
from stages.shared.arrays import Pixels


def seven(
    size: tuple[int, int] = (300, 200), at: tuple[int, int] = (60, 30), *, ink: Any = 20, paper: Any = 240
) -> Image.Image:
    """A 7 drawn in strokes of 12 pixels on a sheet of ``size`` (width, height), 90 high and 60 wide."""
    mode = "L" if isinstance(ink, int) else {3: "RGB", 4: "RGBA"}[len(ink)]
    sheet = Image.new(mode, size, paper)
    corners = [(0, 0), (60, 0), (20, 90)]
    ImageDraw.Draw(sheet).line([(x + at[0], y + at[1]) for x, y in corners], fill=ink, width=12, joint="curve")
    return sheet


def difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def prepare(grey: Pixels, height: int = 28, width: int = 28, framing: Framing = MNIST) -> Pixels:
    """The digit in a grey picture as an image, without what depends on the file and the data set."""
    return framed(cropped(ink(grey)), height, width, framing)


def as_mnist(path: Path) -> tuple[Pixels, tuple[str, ...]]:
    """The picture in a file as MNIST would have it, with its warnings."""
    return picture_to_input(path, 28, 28, MNIST, PixelScale(background=0, ink=255))


STANDARD = prepare(np.asarray(seven()))
