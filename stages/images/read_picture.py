"""Read a PNG or JPEG in grey: upright, in bounded memory, and no larger than is needed to see a digit."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.errors import DataError
from stages.shared.arrays import Pixels, border

FORMATS = ("PNG", "JPEG")
MAGIC = (b"\x89PNG", b"\xff\xd8\xff")
MOST_PIXELS = 2**25  # of a picture, in up to four bytes each; more is a mistake or a decompression bomb
WORKING_SIDE = 1024  # pixels; larger pictures are scaled down to this
BAND_PIXELS = 2**20  # of a large picture that are converted at a time
COLOURED = {"RGB", "P", "CMYK", "YCbCr"}  # modes in Pillow's terms
MUCH_CLEARER = 1.5  # times the contrast
ORIENTATION = 0x0112  # the number of the EXIF tag


def is_picture(start: bytes) -> bool:
    """Whether a file that begins like this is a PNG or a JPEG."""
    return start.startswith(MAGIC)


def read_picture(path: Path) -> Pixels:
    """The picture in a file in grey, (height, width): its transparent parts are background.

    Raises DataError if it is no PNG or JPEG, is damaged, or has too many pixels.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            image.verify()  # checks the checksums of a PNG, which decoding does not
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            size = f"{image.width:,} x {image.height:,} pixels"
            image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG can be read at half its size and less
            if image.width * image.height > MOST_PIXELS:
                what = f"{path.name} has {size}, more than {MOST_PIXELS:,}"
                raise DataError(what, where=str(path), hint="make it smaller")
            return as_grey(image)
    except UnidentifiedImageError as error:
        raise unreadable(path) from error
    except Image.DecompressionBombError as error:
        what = f"{path.name} has more than {MOST_PIXELS:,} pixels"
        raise DataError(what, where=str(path), hint="make it smaller") from error
    except MemoryError as error:
        raise DataError(f"{path.name} needs too much memory", where=str(path), hint="make it smaller") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # what Pillow raises for damage
        if reason := getattr(error, "strerror", None):
            raise DataError(f"{path.name} cannot be read: {reason}", where=str(path), hint="check the path") from error
        raise unreadable(path) from error


def unreadable(path: Path) -> DataError:
    """The error for a file that Pillow cannot read."""
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
    """An image of any mode that a PNG or JPEG can have in 8 bits of grey, turned as its EXIF data say."""
    orientation = image.getexif().get(ORIENTATION)
    small = made_small(image)
    if small.mode == "RGBA":
        levels = np.asarray(small.convert("L"), dtype=np.float32)
        alpha = np.asarray(small.getchannel("A"), dtype=np.float32)
        is_dark = (levels * alpha).sum() < 127.5 * alpha.sum()  # a dark drawing belongs on white
        paper = Image.new("RGBA", small.size, "white" if is_dark else "black")
        small = Image.alpha_composite(paper, small).convert("RGB")
    small.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    if orientation is not None:
        small.getexif()[ORIENTATION] = orientation
    return clearest_grey(ImageOps.exif_transpose(small))


def clearest_grey(image: Image.Image) -> Pixels:
    """The brightness of ``image``; or its red, green or blue if the contrast there is much higher: blue on black."""
    brightness = np.asarray(image.convert("L"))
    colours = [np.asarray(channel) for channel in image.split()]
    clearest = max(colours, key=contrast)
    return clearest if contrast(clearest) > MUCH_CLEARER * contrast(brightness) else brightness


def contrast(levels: Pixels) -> float:
    """The largest difference of ``levels`` (height, width) from the median at the edges."""
    return float(np.abs(levels - np.median(border(levels))).max())


def made_small(image: Image.Image) -> Image.Image:
    """``image`` in mode L, RGB, or RGBA if it has transparent parts, with sides under twice ``WORKING_SIDE``.

    A large one is converted and reduced in bands, so only the decoded picture is held as a whole.
    """
    factor = max(1, max(image.size) // WORKING_SIDE)
    mode = "RGBA" if image.has_transparency_data else "RGB" if image.mode in COLOURED else "L"
    lines = factor * max(1, BAND_PIXELS // (factor * image.width))
    small = Image.new(mode, (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, lines):
        band = image.crop((0, top, image.width, min(top + lines, image.height)))
        if band.mode.startswith("I"):  # 16 bits, which Pillow would clip
            band = Image.fromarray((np.asarray(band).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
        small.paste(band.convert(mode).reduce(factor), (0, top // factor))
    return small
