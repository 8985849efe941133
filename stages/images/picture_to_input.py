"""A picture of any size as an input of the network, prepared the way MNIST was made.

The ink is separated from the background, cropped, scaled into a box (20 x 20 of MNIST's 28 x 28) with its proportions
kept, and moved until its centre of mass is in the middle (LeCun, Bottou, Bengio and Haffner, "Gradient-based
learning applied to document recognition", 1998, section III.A). Then its pixels are brought to the range and
the polarity of the training images. A picture of the network's own size is taken as it is.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from pipeline.errors import DataError
from stages.images.digit_framing import Framing, stroke_width
from stages.images.pixel_scale import PixelScale
from stages.images.read_picture import read_picture
from stages.images.remove_specks import box_of, sheet_of_paper, without_specks
from stages.shared.arrays import Inputs, Pixels, border

LEAST_SIDE = 4  # pixels, below which a picture shows no digit
FAINTEST = 32  # the least difference between ink and background, in grey levels
SEVERAL = "may show several digits, or one in pieces; a picture must show a single digit"
FINE = 8  # a digit is placed on a grid this many times finer, and each pixel is the mean of its cells


class BlankPictureError(ValueError):
    """Nothing stands out from the background."""


def picture_to_input(
    path: Path, height: int, width: int, framing: Framing, scale: PixelScale
) -> tuple[Pixels, tuple[str, ...]]:
    """The picture in a file as an image (height, width), framed by ``framing``, its pixels on ``scale``.

    Beside it stands a warning if the picture may show several digits.
    Raises DataError if the file is no picture, or the picture shows nothing.
    """
    grey = read_picture(path)
    if grey.shape == (height, width):
        return scale.match_polarity(grey), ()
    try:
        digit = cropped(ink(grey))
    except BlankPictureError as error:
        what, hint = "it is all of one grey, or nearly", "draw darker, or cut out a single digit"
        if min(grey.shape) < LEAST_SIDE:
            what, hint = f"it has {grey.shape[1]} x {grey.shape[0]} pixels", "take a larger picture"
        raise DataError(f"nothing can be seen in {path.name}: {what}", where=str(path), hint=hint) from error
    warnings = (SEVERAL,) if shows_several(digit) else ()
    return scale.pixels(framed(digit, height, width, framing)), warnings


def ink(grey: Pixels, faintest: float = FAINTEST) -> Inputs:
    """How much of each pixel is ink, 0 to 1: its difference from the background, which is the median at the edges.

    Raises BlankPictureError if no pixel differs enough.
    """
    background = float(np.median(border(grey)))
    lighter = grey.astype(np.float32) - background
    amount = -lighter if -lighter.min() >= lighter.max() else lighter
    darkest = float(amount.max())
    if darkest < faintest:
        raise BlankPictureError
    found = ((amount / darkest - 0.2) / 0.6).clip(0, 1)  # 0 for paper and shadows, 1 for the middle of a pencil stroke
    strokes = without_specks(found)
    if strokes.max() < found.max():  # a speck was the darkest part: scale again without it
        return ink(np.where(strokes > 0, grey, np.uint8(background)), faintest)
    sheet = sheet_of_paper(strokes > 0.5)
    if sheet is not None:
        with suppress(BlankPictureError):  # nothing is on it, so it is no sheet but a bold 1
            return ink(np.where(sheet, grey, np.uint8(np.median(grey[sheet]))), max(FAINTEST, darkest / 2))
    return strokes


def cropped(amount: Inputs) -> Image.Image:
    """The part of a picture that has ink in it, in 8 bits."""
    return Image.fromarray(np.round(amount[box_of(amount > 0.5)] * 255).astype(np.uint8))


def shows_several(shown: Image.Image) -> bool:
    """Whether columns without ink divide a picture, cropped to its ink, into parts of half its height or more."""
    is_ink = np.asarray(shown) > 127
    gaps = np.flatnonzero(~is_ink.any(axis=0))
    parts = (is_ink[:, : gaps[0]], is_ink[:, gaps[-1] + 1 :]) if len(gaps) else ()
    return bool(parts) and all(2 * (np.ptp(np.flatnonzero(part.any(axis=1))) + 1) >= shown.height for part in parts)


def framed(digit: Image.Image, height: int, width: int, framing: Framing) -> Pixels:
    """A digit, cropped to its ink, in an image (height, width) as ``framing`` says: light on dark, from 0 to 255."""
    digit = thickened(digit, framing.stroke)
    zoom = FINE * framing.box * min(height / digit.height, width / digit.width)
    size = (max(1, round(zoom * digit.width)), max(1, round(zoom * digit.height)))
    fine = np.asarray(digit.resize(size, Image.Resampling.BOX if zoom < 1 else Image.Resampling.BILINEAR))
    sheet = np.zeros((FINE * height, FINE * width), dtype=np.uint8)
    top, left = (
        min(max(round(share * side - centre), 0), side - length)
        for share, side, centre, length in zip(
            framing.centre, sheet.shape, centre_of_mass(fine), fine.shape, strict=True
        )
    )
    sheet[top : top + fine.shape[0], left : left + fine.shape[1]] = fine
    means = sheet.reshape(height, FINE, width, FINE).mean(axis=(1, 3))
    image: Pixels = np.round(means * (255 / means.max())).astype(np.uint8)
    return image


def thickened(digit: Image.Image, share: float) -> Image.Image:
    """A digit whose strokes are not much thinner than ``share`` of its longer side: thin ones fade when scaled down."""
    longest = max(digit.size)
    if longest > 160:
        digit = digit.reduce(-(-longest // 160))
        longest = max(digit.size)
    missing = share * longest - stroke_width(np.asarray(digit)[None] > 127)[0]
    if missing < share * longest / 3:
        return digit
    radius = round(missing / 2)
    return ImageOps.expand(digit, radius).filter(ImageFilter.MaxFilter(2 * radius + 1))


def centre_of_mass(image: Pixels) -> tuple[float, float]:
    """The centre of the light pixels: down and right from the top left corner, in pixels."""
    total = image.sum(dtype=np.float64)
    down = image.sum(axis=1, dtype=np.float64) @ (np.arange(image.shape[0]) + 0.5)
    right = image.sum(axis=0, dtype=np.float64) @ (np.arange(image.shape[1]) + 0.5)
    return float(down / total), float(right / total)
