"""The layout of a CSV: which column is the label, the id, and each pixel; and what two files must agree on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError, DataError
from stages.shared.messages import FileName, counted, shortened

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one CSV, by what they mean.

    Attributes
    ----------
    file : how messages call the file
    names : every column, in file order
    label, id : the name of the label and of the id column, None where there is none
    pixels : the pixel columns, in image order
    text_columns : the indices of all other columns, ascending; of these only label and id are used
    shape : height and width of an image in pixels, if the names of the columns say so
    row_numbers : the names of the columns that pandas or R left there
    requires_ids : whether a row without a proper id is a bad row
    """

    file: FileName
    names: tuple[str, ...]
    label: str | None
    id: str | None
    pixels: tuple[str, ...]
    text_columns: tuple[int, ...]
    shape: tuple[int, int] | None = None
    row_numbers: tuple[str, ...] = ()
    requires_ids: bool = True


def wrong_header(file: FileName, what: str, hint: str, column: int | None = None) -> DataError:
    """The error for a header that breaks the rules, at ``column`` counted from 0."""
    place = f"{file.path}, line 1" + (f", column {column + 1}" if column is not None else "")
    return DataError(f"the header of {file} is not as it must be: {what}", where=place, hint=hint)


def layout_without_header(n_columns: int, file: FileName, label: str | None) -> Layout:
    """The layout of a file without a header: the label, if any, then pixels from 0.

    Raises
    ------
    ConfigError
        The label is called like a pixel.
    """
    pixels = tuple(f"pixel{index}" for index in range(n_columns - (label is not None)))
    if label in pixels:
        raise ConfigError(
            f"ingest.label is {label!r}, which is what a pixel of a file without a header is called",
            where="ingest.label",
            hint="set ingest.label to another name, or remove the setting",
        )
    return Layout(
        file=file,
        names=pixels if label is None else (label, *pixels),
        label=label,
        id=None,
        pixels=pixels,
        text_columns=() if label is None else (0,),
    )


def image_shape(train: Layout, parameters: IngestParameters) -> tuple[int, int]:
    """Height and width of an image in pixels: as the columns' names say, as configured, or else square.

    Raises
    ------
    ConfigError
        The configured size is not that of the names, or does not hold as many pixels as there are columns.
    DataError
        Nothing is configured, and the number of pixels is not a square.
    """
    n_pixels, height, width = len(train.pixels), parameters.height, parameters.width
    if train.shape is not None:
        named_height, named_width = train.shape
        if (height or named_height, width or named_width) != train.shape:
            raise ConfigError(
                f"the columns of {train.file} are named as those of images of {named_height} x {named_width}",
                where="ingest.height and ingest.width",
                hint="remove these settings",
            )
        return train.shape
    if height is None and width is None:
        side = math.isqrt(n_pixels)
        if side * side != n_pixels:
            named = f"{shortened(train.pixels[0])} to {shortened(train.pixels[-1])}"
            raise DataError(
                f"{train.file} has {counted(n_pixels, 'pixel')} an image, {named}, which is not a square",
                where=f"{train.file.path}, line 1",
                hint="set ingest.height and ingest.width, or see whether a column is missing at the end",
            )
        return side, side
    height = height or n_pixels // (width or 1)
    width = width or n_pixels // height
    if height * width != n_pixels:
        raise ConfigError(
            f"images of {height} x {width} have {height * width} pixels, and {train.file} has {n_pixels}",
            where="ingest.height and ingest.width",
            hint="set them so that their product is the number of pixels",
        )
    return height, width
