"""The header of a CSV: what its first line says about the columns.

The label and the id have configured names and may stand anywhere. Pixels are named ``<prefix><number>``, ascending
without a gap; or by row and column, ``1x1`` to ``8x8``, which also gives the size of an image.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from stages.ingest.csv.labels import WHOLE_NUMBER
from stages.ingest.csv.layout import Layout
from stages.ingest.profile import KAGGLE_HEADER
from stages.shared.messages import FileName, shortened, to_copy

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

NUMBERED_PIXEL = re.compile(r"(.*?)(\d{1,9})", re.ASCII)
GRID_PIXEL = re.compile(r"(.*?)(\d{1,5})(\D+)(\d{1,5})(\D*)", re.ASCII)
ROW_NUMBERS = re.compile(r"Unnamed: \d+(\.\d+)*", re.ASCII)  # what pandas calls a column without a name
ROW_NUMBERS_IN_R = re.compile(r"X1?|X\.\d+|\.\.\.1|row[._]?names?|rn", re.ASCII)  # read.csv, readr, tibble, data.table
NUMBERS = "it holds numbers, not the names of columns"
LETTER = re.compile(r"[^\W\d_]")


def read_layout(
    line: bytes,
    file: FileName,
    parameters: IngestParameters,
    rows: Sequence[bytes],
    hint: str = "",
    *,
    needs_label: bool = False,
) -> Layout:
    """The layout that the header ``line`` of ``file`` declares; ``rows`` are the first lines below it.

    ``hint`` says what to do if it is a row of numbers; if none is given, the hint names the settings.

    Raises
    ------
    DataError
        The line is no header, or a column is doubled, missing, misnamed, surplus or out of place.
    """
    names = header_cells(line, file)
    first = rows[0] if rows else b""
    if line.startswith(b'"') and first.startswith(b'"') and len(row_cells(first)) == len(names) + 1:
        names.insert(0, "")  # R's write.table names the rows, and leaves their column out of the header
    if looks_like_data(names):
        texts = ", and list the labels in ingest.classes if they are texts"
        are_numbers = all(map(WHOLE_NUMBER.fullmatch, names))
        raise wrong_header(file, NUMBERS, hint or f"set ingest.has_header = false{'' if are_numbers else texts}")
    special = {parameters.label, parameters.id} - set(parameters.leave_out)
    row_numbers = [
        name
        for index, name in enumerate(names)
        if holds_row_numbers(names, index, rows) and name not in {*special, *parameters.leave_out}
    ]
    left_out = {*parameters.leave_out, *row_numbers}
    columns = [index for index, name in enumerate(names) if name not in left_out]
    require_distinct_names([names[index] for index in columns], names, file)
    pixels = {index: names[index] for index in columns if names[index] not in special}
    lacks_label = needs_label and parameters.label not in names
    shape, prefix, first_pixel = read_pixel_names(pixels, names, file, parameters, lacks_label=lacks_label)
    return Layout(
        file=file,
        names=tuple(names),
        label=parameters.label if parameters.label in names else None,
        id=parameters.id if parameters.id in special and parameters.id in names else None,
        pixels=tuple(pixels.values()),
        text_columns=tuple(index for index in range(len(names)) if index not in pixels),
        prefix=prefix,
        first_pixel=first_pixel,
        shape=shape,
        row_numbers=tuple(row_numbers),
    )


def require_header_in_both(
    train_cells: Sequence[str], train: FileName, test_cells: Sequence[str], test: FileName
) -> None:
    """Raise DataError if only one of the two files has a header."""
    if (train_lacks_it := looks_like_data(train_cells)) != looks_like_data(test_cells):
        without, with_one = (train, test) if train_lacks_it else (test, train)
        hint = f"give {without} a first line that names its columns, as {with_one} has; or remove that line from "
        hint += f"{with_one}, and set ingest.has_header = false"
        raise wrong_header(without, f"{NUMBERS}, and {with_one} has a header", hint)


def require_no_header(cells: Sequence[str], file: FileName, hint: str) -> None:
    """Raise DataError if the first line of a file that should have no header certainly holds no row of pixels.

    Its cells differ, and most have a letter in them or count up. Numbers as ``0.0e+00`` have a letter too, but some of
    them are the same.
    """
    n_like_names = sum(bool(LETTER.search(cell)) for cell in cells) + n_steps(cells)
    if len(set(cells)) == len(cells) and 2 * n_like_names > len(cells):
        what = f"{file} has a header in line 1, and ingest.has_header is false"
        raise DataError(what, where=f"{file.path}, line 1", hint=hint)


def holds_row_numbers(names: Sequence[str], column: int, rows: Sequence[bytes]) -> bool:
    """Whether a column, counted from 0, holds row numbers or row names that pandas or R wrote.

    A name that R gives counts only if the cells of ``rows`` count up, since the person or a pixel may have that name.
    """
    name = names[column]
    if ROW_NUMBERS.fullmatch(name):
        return True
    if column or names[1:2] in (["X2"], ["...2"]):  # R has named the pixels X1, X2, ...
        return False
    return name == "" or (bool(ROW_NUMBERS_IN_R.fullmatch(name)) and count_up(rows, column))


def count_up(rows: Sequence[bytes], column: int) -> bool:
    """Whether the cells of a column, counted from 0, are 0, 1, 2, ... or 1, 2, 3, ..."""
    cells = [row_cells(row)[column : column + 1] for row in rows]  # one each, none of a row that is too short
    counted = [[[str(number)] for number in range(first, first + len(cells))] for first in (0, 1)]
    return bool(cells) and cells in counted


def read_pixel_names(
    pixels: dict[int, str],
    names: Sequence[str],
    file: FileName,
    parameters: IngestParameters,
    *,
    lacks_label: bool,
) -> tuple[tuple[int, int] | None, str, int]:
    """The size of an image (height, width) if the pixels' names say it; and the first one's prefix and number.

    ``pixels`` maps columns, counted from 0, to their names.

    Raises
    ------
    DataError
        A column is no pixel, or is missing or out of order.
    """
    numbered = {index: match for index, name in pixels.items() if (match := NUMBERED_PIXEL.fullmatch(name))}
    grid = {index: match for index, name in pixels.items() if (match := GRID_PIXEL.fullmatch(name))}
    if not numbered and not grid:
        what = f"no column is named like a pixel (pixel0, pixel1, ...); the first is {shortened(names[0])!r}"
        raise wrong_header(file, what, "check that this is the right file")
    prefix, n_alike = Counter(match[1] for match in numbered.values()).most_common(1)[0] if numbered else ("", 0)
    frames = Counter((match[1], match[3], match[5]) for match in grid.values()).most_common(1)
    if frames and frames[0][1] > n_alike:
        frame = frames[0][0]
        found = {index: match for index, match in grid.items() if (match[1], match[3], match[5]) == frame}
    else:
        found = {index: match for index, match in numbered.items() if match[1] == prefix}
        frame = None
    require_only_pixels(pixels, found, names, file, parameters, lacks_label=lacks_label)
    first = pixels[min(pixels)]
    if frame is None:
        require_ascending(pixels, {index: int(match[2]) for index, match in found.items()}, prefix, file)
        return None, prefix, int(found[min(found)][2])
    shape = require_row_by_row(pixels, {index: (int(m[2]), int(m[4])) for index, m in found.items()}, frame, file)
    start = NUMBERED_PIXEL.fullmatch(first)
    return shape, start[1] if start else first, int(start[2]) if start else 0


def require_only_pixels(
    pixels: dict[int, str],
    found: dict[int, re.Match[str]],
    names: Sequence[str],
    file: FileName,
    parameters: IngestParameters,
    *,
    lacks_label: bool,
) -> None:
    """Raise DataError if one of ``pixels`` is not among those ``found`` to be named like pixels.

    The hint says which name may be meant, or how to leave the column out.
    """
    others = [index for index in pixels if index not in found]
    if not others:
        return
    index, name = others[0], pixels[others[0]]
    before, first = found.get(index - 1), found[min(found)]
    expected = f"{before[1]}{int(before[2]) + 1}" if before else f"{first[1]}{int(first[2])}"
    what = f"{shortened(name)!r} is neither the label, the id, nor a pixel"
    after = found.get(index + 1)
    if before and after and int(after[2]) == int(before[2]) + 2:  # it stands in the place of one pixel
        raise wrong_header(file, what, f"rename it to {shortened(expected)}", index)
    if index == len(names) - 1 and name and expected.startswith(name):
        hint = "the header seems cut off: copy or download the file again, or remove this column"
        raise wrong_header(file, what, hint, index)
    missing = [known for known in (parameters.label, parameters.id, expected) if known not in names]
    close = [known for known in missing if known.lower() == name.lower()]
    if not close and name == KAGGLE_HEADER.id_name and parameters.id in missing:
        close = [parameters.id]
    close = close or get_close_matches(shortened(name), missing, n=1)
    if lacks_label and name and len(others) == 1 and close in ([], [parameters.label]):
        what = f"the label column {shortened(parameters.label)!r} is missing, and {shortened(name)!r} is no pixel"
        hint = f"if {shortened(name)} holds the labels, use --set {shlex.quote(f'ingest.label={name}')}, "
        raise wrong_header(file, what, f"{hint}or rename it to {shortened(parameters.label)}", index)
    if close:
        hint = f"rename it to {shortened(close[0])} or remove it"
        if close[0] != expected:
            setting = "ingest.label" if close[0] == parameters.label else "ingest.id"
            hint += f", or use --set {shlex.quote(f'{setting}={name}')}"
        raise wrong_header(file, what, hint, index)
    named = [*(pixels[each] for each in others), *parameters.leave_out]  # a list replaces the earlier one
    are_one = len(others) == 1
    hint = f"remove {'it' if are_one else 'these columns'}, or leave {'it' if are_one else 'them'} out: "
    hint += f"--set {shlex.quote(f'ingest.leave_out=[{to_copy(named)}]')}"
    if lacks_label:
        hint += "; one of them must hold the labels: take it off this list, and set ingest.label to it"
    elif name and parameters.id in missing:
        hint += f"; if it holds ids, --set {shlex.quote(f'ingest.id={name}')}"
    raise wrong_header(file, what, hint, index)


def require_ascending(pixels: dict[int, str], numbers: dict[int, int], prefix: str, file: FileName) -> None:
    """Raise DataError unless the numbers of ``pixels``, which are in ``numbers``, ascend without a gap."""
    for (before, number), (index, after) in pairwise(numbers.items()):
        expected = shortened(f"{prefix}{number + 1}")
        name = shortened(pixels[index])
        if after <= number or (after > number + 1 and number + 1 in numbers.values()):
            what = f"{name!r} stands after {shortened(pixels[before])!r}, where {expected!r} must stand"
            raise wrong_header(file, what, "put the columns in ascending order", index)
        if after != number + 1:
            what = f"{expected!r} is missing, {name!r} stands in its place"
            raise wrong_header(file, what, "put the column back", index)


def require_row_by_row(
    pixels: dict[int, str], places: dict[int, tuple[int, int]], frame: tuple[str, str, str], file: FileName
) -> tuple[int, int]:
    """Height and width of images whose pixels are named by row and column; ``places`` has these numbers.

    Raises
    ------
    DataError
        The columns do not go through the image row by row, or the last row is not whole.
    """
    (first_row, first_column), prefix, between, suffix = places[min(places)], *frame
    width = sum(row == first_row for row, _ in places.values())
    for n_before, (index, place) in enumerate(places.items()):
        row, column = first_row + n_before // width, first_column + n_before % width
        if place != (row, column):
            what = f"{shortened(pixels[index])!r} stands where '{prefix}{row}{between}{column}{suffix}' must stand"
            raise wrong_header(file, what, "put the columns in order, row by row of the image", index)
    if len(places) % width:
        what = f"its last row of pixels has {len(places) % width} columns, and the others have {width}"
        raise wrong_header(file, what, "put the columns back", max(places))
    return len(places) // width, width


def require_distinct_names(used: list[str], names: list[str], file: FileName) -> None:
    """Raise DataError if the name of a column that is ``used`` occurs twice."""
    if doubled := [name for name, count in Counter(used).items() if count > 1]:
        column = len(names) - 1 - names[::-1].index(doubled[0])
        what = f"{shortened(doubled[0])!r} stands in it twice"
        raise wrong_header(file, what, "give every column a name of its own", column)


def wrong_header(file: FileName, what: str, hint: str, column: int | None = None) -> DataError:
    """The error for a header that breaks the rules, at ``column`` counted from 0."""
    place = f"{file.path}, line 1" + (f", column {column + 1}" if column is not None else "")
    return DataError(f"the header of {file} is not as it must be: {what}", where=place, hint=hint)


def header_cells(line: bytes, file: FileName) -> list[str]:
    """The cells of a first line, without blanks around them.

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
        cells = next(csv.reader([text], strict=True, skipinitialspace=True), [])
    except csv.Error as error:
        what = "its quotation marks do not pair, or a name is endless"
        raise wrong_header(file, what, "put the quotation marks right") from error
    if not cells:
        raise wrong_header(file, "the first line is blank", "remove the blank line, or download the file again")
    if len(cells) == 1 and "," in cells[0]:
        raise DataError(
            f"line 1 of {file} is a single cell, because quotation marks stand around the whole line",
            where=f"{file.path}, line 1",
            hint="remove these quotation marks, in every line that has them",
        )
    return [cell.strip() for cell in cells]


def row_cells(row: bytes) -> list[str]:
    """The cells of a row, none if its quotation marks do not pair."""
    try:
        return next(csv.reader([row.decode("utf-8", errors="replace")], strict=True), [])
    except csv.Error:
        return []


def looks_like_data(names: Sequence[str]) -> bool:
    """Whether a first line holds values and not names: numbers that do not count up, apart from an id and a label."""
    n_numbers = sum(bool(WHOLE_NUMBER.fullmatch(name)) for name in names)
    n_words = len(names) - n_numbers
    if n_words:  # they may be names of columns, one of which is missing or occurs twice
        return n_words <= 2 < n_numbers and 2 * n_steps(names) < n_numbers
    return n_steps(names) < n_numbers - 1


def n_steps(cells: Sequence[str]) -> int:
    """How many of the whole numbers among ``cells`` are one more than the number before."""
    numbers = [int(cell) for cell in cells if WHOLE_NUMBER.fullmatch(cell)]
    return sum(after == before + 1 for before, after in pairwise(numbers))
