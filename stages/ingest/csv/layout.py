"""What the header says: which column is the label, the id, and each pixel, and how wide and high an image is.

A pixel column is ``<prefix><number>``; prefix, first number and count are read, not assumed. The order is the
contract: an id column and a label column, where there are any, then the pixels by ascending number.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError, DataError
from stages.shared.messages import FileName, counted, shortened

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

PIXEL_COLUMN = re.compile(r"(.*?)(\d{1,9})", re.ASCII)
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # as decimal digits, within int64
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ID_RULE = "not an id: it is empty, or has a control character in it"

Label = int | str


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one CSV, by what they mean.

    Attributes
    ----------
    file : how messages call the file
    names : every column, in file order
    label, id : the name of the label and of the id column, None where there is none
    pixels : the pixel columns, in image order
    prefix, first_pixel : ``pixel`` and 0 for ``pixel0``
    """

    file: FileName
    names: tuple[str, ...]
    label: str | None
    id: str | None
    pixels: tuple[str, ...]
    prefix: str
    first_pixel: int


def read_layout(line: bytes, file: FileName, parameters: IngestParameters) -> Layout:
    """The layout that the header ``line`` of ``file`` declares.

    Raises
    ------
    DataError
        The line is no header, or a column is doubled, missing, misnamed, surplus or out of place.
    """
    names = header_cells(line, file)
    if looks_like_data(names):
        hint = "set ingest.has_header = false"
        if not all(map(WHOLE_NUMBER.fullmatch, names)):
            hint += ", and list the labels in ingest.classes if they are texts"
        raise wrong_header(file, "it holds numbers, not the names of columns", hint)
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        column = len(names) - 1 - names[::-1].index(doubled[0])
        raise wrong_header(
            file, f"{shortened(doubled[0])!r} stands in it twice", "give every column a name of its own", column
        )
    special = [names.index(name) for name in (parameters.label, parameters.id) if name in names]
    numbered = {
        index: (match[1], int(match[2]))
        for index, name in enumerate(names)
        if index not in special and (match := PIXEL_COLUMN.fullmatch(name))
    }
    if not numbered:
        what = f"no column is named like a pixel (pixel0, pixel1, ...); the first is {shortened(names[0])!r}"
        raise wrong_header(file, what, "check that this is the right file")
    prefix = Counter(prefix for prefix, _ in numbered.values()).most_common(1)[0][0]
    for index, name in enumerate(names):
        if index not in special and numbered.get(index, ("", 0))[0] != prefix:
            before = numbered.get(index - 1)
            expected = f"{prefix}{before[1] + 1 if before else numbered[min(numbered)][1]}"
            missing = [known for known in (parameters.label, parameters.id, expected) if known not in names]
            close = get_close_matches(shortened(name), missing, n=1)
            to = f" to {shortened(close[0])}" if close else ""
            hint = f"rename it{to} or remove it, or set ingest.label or ingest.id to it"
            raise wrong_header(file, f"{shortened(name)!r} is neither the label, the id, nor a pixel", hint, index)
    require_ascending(names, prefix, {index: number for index, (_, number) in numbered.items()}, file)
    if special and max(special) > min(numbered):
        what = f"{shortened(names[max(special)])!r} stands after the first pixel"
        raise wrong_header(file, what, "put label and id before the pixels", max(special))
    return Layout(
        file=file,
        names=tuple(names),
        label=parameters.label if parameters.label in names else None,
        id=parameters.id if parameters.id in names else None,
        pixels=tuple(names[index] for index in numbered),
        prefix=prefix,
        first_pixel=numbered[min(numbered)][1],
    )


def require_ascending(names: list[str], prefix: str, numbers: dict[int, int], file: FileName) -> None:
    """The pixel columns, by their index in ``names``, are numbered without a gap in ascending order."""
    for (before, number), (index, after) in pairwise(numbers.items()):
        expected = shortened(f"{prefix}{number + 1}")
        name = shortened(names[index])
        if after <= number or (after > number + 1 and number + 1 in numbers.values()):
            what = f"{name!r} stands after {shortened(names[before])!r}, where {expected!r} must stand"
            raise wrong_header(file, what, "put the columns in ascending order", index)
        if after != number + 1:
            what = f"{expected!r} is missing, {name!r} stands in its place"
            raise wrong_header(file, what, "put the column back", index)


def wrong_header(file: FileName, what: str, hint: str, column: int | None = None) -> DataError:
    """The error for a header that breaks the contract, at ``column`` counted from 0."""
    place = f"{file.path}, line 1" + (f", column {column + 1}" if column is not None else "")
    return DataError(f"the header of {file} is not as it must be: {what}", where=place, hint=hint)


def layout_without_header(line: bytes, file: FileName, label: str | None) -> Layout:
    """The layout of a file without a header, from its first line: the label, if any, then pixels from 0.

    Raises
    ------
    ConfigError
        The label is called like a pixel.
    """
    n_columns = len(header_cells(line, file))
    pixels = tuple(f"pixel{index}" for index in range(n_columns - (label is not None)))
    if label in pixels:
        raise ConfigError(
            f"ingest.label is {label!r}, which is what a pixel of a file without a header is called",
            where="ingest.label",
            hint="set ingest.label to another name, or remove the setting",
        )
    names = pixels if label is None else (label, *pixels)
    return Layout(file=file, names=names, label=label, id=None, pixels=pixels, prefix="pixel", first_pixel=0)


def require_one_column_more(train: Layout, test: Layout) -> None:
    """Of two files without headers, train has just one column that test has not: its label.

    Raises
    ------
    DataError
        They have as many, or it is the other way round.
    """
    n_train, n_test = len(train.names), len(test.names)
    if n_test == n_train + 1:
        raise swapped(train.file, test.file, f"{test.file} has one column more, as only the labels would be")
    if n_test == n_train:
        columns = counted(n_test, "column")
        raise DataError(
            f"{train.file} and {test.file} both have {columns}, and only {train.file} may have labels",
            where=f"{test.file.path}, line 1",
            hint=f"remove the labels, the first column, from {test.file}, or put them into {train.file}",
        )


def swapped(train: FileName, test: FileName, why: str) -> DataError:
    """The error for a training set in the test set's place."""
    return DataError(
        f"{train} and {test} are swapped: {why}",
        where=f"{test.path}, line 1",
        hint="give each the other's name, or swap ingest.train and ingest.test if they are set",
    )


def header_cells(line: bytes, file: FileName) -> list[str]:
    """The cells of a first line.

    Raises
    ------
    DataError
        It is not UTF-8, or is separated by something else than commas.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not UTF-8 text",
            where=f"{file.path}, line 1, byte {error.start + 1}",
            hint="save it as UTF-8 (it may be Latin-1 or Windows-1252)",
        ) from error
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if separator in text and text.count(separator) > text.count(","):
            raise DataError(
                f"{file} is separated by {name}, not by commas",
                where=f"{file.path}, line 1",
                hint="save it with commas",
            )
    try:
        cells = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise wrong_header(
            file, f"its quotation marks do not pair, or a name is endless ({error})", "put the quotation marks right"
        ) from error
    if not cells:
        raise wrong_header(file, "the first line is blank", "remove the blank line, or download the file again")
    return cells


def looks_like_data(names: list[str]) -> bool:
    """Whether a first line holds values: numbers, but for an id and a label, that are no count to the last."""
    numbers = [int(name) for name in names if WHOLE_NUMBER.fullmatch(name)]
    n_steps, n_words = sum(after == before + 1 for before, after in pairwise(numbers)), len(names) - len(numbers)
    if n_words:  # then these may be the names of columns of which one is missing or stands twice
        return n_words <= 2 < len(numbers) and 2 * n_steps < len(numbers)
    return n_steps < len(numbers) - 1


def require_agreement(train: Layout, test: Layout, label: str) -> None:
    """Train and test have the same pixels, and train has a column called ``label``.

    Raises
    ------
    DataError
        They do not.
    """
    if train.label is None and test.label is not None:
        raise swapped(train.file, test.file, f"the labels are in {test.file}")
    if train.label is None:
        named, columns = shortened(label), ", ".join(map(shortened, train.names[:3]))
        raise DataError(
            f"{train.file} has no label column {named!r}; its first columns are {columns}",
            where=f"{train.file.path}, line 1",
            hint=f"its header must have the column {named!r}; if it is called otherwise, set ingest.label to its name",
        )
    if train.pixels != test.pixels:
        a, b = len(train.pixels), len(test.pixels)
        first = next((pair for pair in zip(train.pixels, test.pixels, strict=False) if pair[0] != pair[1]), None)
        what = (
            f"{a:,} and {counted(b, 'pixel')}"
            if a != b
            else f"pixels {shortened(first[0])!r} and {shortened(first[1])!r}"
            if first
            else ""
        )
        raise DataError(
            f"{train.file} and {test.file} do not belong together: their images have {what}",
            where=f"{test.file.path}, line 1",
            hint="put the two files of one competition there",
        )


def image_shape(train: Layout, parameters: IngestParameters) -> tuple[int, int]:
    """Height and width of an image in pixels: as configured, or else square.

    Raises
    ------
    ConfigError
        The configured size does not hold as many pixels as the header names.
    DataError
        Nothing is configured, and the number of pixels is not a square.
    """
    n_pixels, height, width = len(train.pixels), parameters.height, parameters.width
    if height is None and width is None:
        side = math.isqrt(n_pixels)
        if side * side != n_pixels:
            named = (
                f"{counted(n_pixels, 'pixel')} an image, {shortened(train.pixels[0])} to {shortened(train.pixels[-1])}"
            )
            raise DataError(
                f"{train.file} has {named}, which is not a square",
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


def is_id(text: str) -> bool:
    """Whether ``text`` may be an id: it is not empty, and nobody sees it otherwise than it is."""
    return text != "" and not CONTROL_CHARACTER.search(text)
