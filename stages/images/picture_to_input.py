"""A picture of any size as an image like those that the network was trained on, prepared the way MNIST was made.

The ink is told from the background, cropped, scaled into a box (20 x 20 of MNIST's 28 x 28) with its proportions
kept, and moved until its centre of mass is in the middle (LeCun, Bottou, Bengio and Haffner, "Gradient-based
learning applied to document recognition", 1998, section III.A). A picture of the network's own size is taken as it is.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from pipeline.errors import DataError
from stages.images.digit_framing import MNIST, Framing, stroke_width
from stages.shared.arrays import Inputs, Pixels

FORMATS = ("PNG", "JPEG")
MAGIC = (b"\x89PNG", b"\xff\xd8\xff")
MOST_PIXELS = 2**26  # of a picture; more is a mistake or a bomb, and takes gigabytes
WORKING_SIDE = 1024  # pixels; a digit in a larger picture is seen as well at this size
FAINTEST = 32  # grey levels between ink and background
FINE = 8  # parts of a pixel to which a digit is scaled and placed, before each pixel takes the mean of its parts


class BlankPictureError(ValueError):
    """Nothing stands out from the background."""


def is_picture(start: bytes) -> bool:
    """Whether a file that begins like this is a PNG or a JPEG."""
    return start.startswith(MAGIC)


def picture_as_image(path: Path, height: int, width: int, framing: Framing = MNIST) -> Pixels:
    """The picture in a file as an image (height, width); DataError if it is none, or shows nothing."""
    try:
        return prepare(read_picture(path), height, width, framing)
    except BlankPictureError as error:
        what = f"nothing can be seen in {path.name}: it is all of one grey"
        raise DataError(what, where=str(path), hint="draw or cut out a single digit") from error


def read_picture(path: Path) -> Pixels:
    """The picture in a file in grey: upright, its transparent parts as background, at most ``WORKING_SIDE`` long.

    Raises
    ------
    DataError
        It is no PNG or JPEG, is damaged, or has too many pixels.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                what = f"{path.name} has {image.width:,} x {image.height:,} pixels, more than {MOST_PIXELS:,}"
                raise DataError(what, where=str(path), hint="make it smaller")
            image.draft("L", (WORKING_SIDE, WORKING_SIDE))  # a JPEG can be read at half its size and less
            return as_grey(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise unreadable(path) from error
    except Image.DecompressionBombError as error:
        what = f"{path.name} has more than {MOST_PIXELS:,} pixels"
        raise DataError(what, where=str(path), hint="make it smaller") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # what Pillow raises for damage
        if reason := getattr(error, "strerror", None):
            raise DataError(f"{path.name} cannot be read: {reason}", where=str(path), hint="check the path") from error
        raise unreadable(path) from error


def unreadable(path: Path) -> DataError:
    """The error for a file that Pillow makes no picture of."""
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        what, hint = "is empty", "copy or save it again"
    elif is_picture(start):
        what, hint = "is damaged or cut off", "copy or save it again"
    else:
        what, hint = "is not a PNG or JPEG picture", "save it as PNG or JPEG"
    return DataError(f"{path.name} {what}", where=str(path), hint=hint)


def as_grey(image: Image.Image) -> Pixels:
    """Every mode that a PNG or JPEG can have as 8 bits of grey."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        levels = np.asarray(image.convert("L"), dtype=np.float32)
        alpha = np.asarray(image.getchannel("A"), dtype=np.float32)
        is_dark = (levels * alpha).sum() < 127.5 * alpha.sum()  # then it was drawn to be seen on white
        levels += (1 - alpha / 255) * ((255 if is_dark else 0) - levels)
        image = Image.fromarray(np.round(levels).astype(np.uint8))
    image = image.convert("L")
    image.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    return np.asarray(image)


def prepare(grey: Pixels, height: int, width: int, framing: Framing = MNIST) -> Pixels:
    """The digit in a picture as an image (height, width), light on dark as in MNIST, and framed like that.

    Raises
    ------
    BlankPictureError
        There is none.
    """
    if grey.shape == (height, width):
        return 255 - grey if np.median(border(grey)) > 127 else grey
    digit = thickened(cropped(ink(grey)), framing.stroke)
    scale = FINE * framing.box * min(height / digit.height, width / digit.width)
    size = (max(1, round(scale * digit.width)), max(1, round(scale * digit.height)))
    fine = np.asarray(digit.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR))
    sheet = np.zeros((FINE * height, FINE * width), dtype=np.uint8)
    top, left = (
        min(max(round(share * side - centre), 0), side - length)
        for share, side, centre, length in zip(
            framing.centre, sheet.shape, centre_of_mass(fine), fine.shape, strict=True
        )
    )
    sheet[top : top + fine.shape[0], left : left + fine.shape[1]] = fine
    image = sheet.reshape(height, FINE, width, FINE).mean(axis=(1, 3))
    prepared: Pixels = np.round(image * (255 / image.max())).astype(np.uint8)
    return prepared


def border(grey: Pixels) -> Pixels:
    """The pixels at the four edges."""
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def ink(grey: Pixels) -> Inputs:
    """How much of each pixel is ink, 0 to 1: what differs from the background that the edges show.

    Raises
    ------
    BlankPictureError
        Nothing does.
    """
    background = float(np.median(border(grey)))
    lighter = grey.astype(np.float32) - background
    amount = -lighter if -lighter.min() >= lighter.max() else lighter
    darkest = float(amount.max())
    if darkest < FAINTEST:
        raise BlankPictureError
    return ((amount / darkest - 0.2) / 0.6).clip(0, 1)  # paper and shadows are not ink, a pencil's middle is


def cropped(amount: Inputs) -> Image.Image:
    """The part of a picture that has ink in it, in 8 bits."""
    rows, columns = (np.flatnonzero((amount > 0.5).any(axis=axis)) for axis in (1, 0))
    part = amount[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Image.fromarray(np.round(part * 255).astype(np.uint8))


def thickened(digit: Image.Image, share: float) -> Image.Image:
    """A digit whose strokes are not much thinner than ``share`` of its longer side: such would fade when made small."""
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
    """Down and right from the top left corner, in pixels, of what is light."""
    total = image.sum(dtype=np.float64)
    down = image.sum(axis=1, dtype=np.float64) @ (np.arange(image.shape[0]) + 0.5)
    right = image.sum(axis=0, dtype=np.float64) @ (np.arange(image.shape[1]) + 0.5)
    return float(down / total), float(right / total)
