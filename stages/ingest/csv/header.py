"""The header of a CSV: what its first line says about the columns.

The label and the id have configured names and may stand anywhere. All other columns are pixels, but for those that are
left out, by the settings or as row numbers.
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
from stages.ingest.csv.layout import Layout, wrong_header
from stages.ingest.csv.pixel_names import PixelNames, find_pixel_names, require_order
from stages.ingest.profile import KAGGLE_HEADER
from stages.shared.messages import FileName, shortened, whole_to_copy

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

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
    is_training: bool = False,
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
    if doubled := [name for name, count in Counter(names[index] for index in columns).items() if count > 1]:
        column = len(names) - 1 - names[::-1].index(doubled[0])
        what = f"{shortened(doubled[0])!r} stands in it twice"
        raise wrong_header(file, what, "give every column a name of its own", column)
    columns = [column for column in columns if names[column] not in special]
    pixels = find_pixel_names(columns, names)
    if pixels is None:
        what = f"no column is named like a pixel (pixel0, pixel1, ...); the first is {shortened(names[0])!r}"
        raise wrong_header(file, what, "delete what stands above the header, or check that this is the right file")
    if others := [column for column in columns if column not in pixels.numbers]:
        what, hint = describe_others(others, names, pixels, parameters, needs_label=is_training)
        raise wrong_header(file, what, hint, others[0])
    return Layout(
        file=file,
        names=tuple(names),
        label=parameters.label if parameters.label in names else None,
        id=parameters.id if parameters.id in special and parameters.id in names else None,
        pixels=tuple(names[column] for column in columns),
        text_columns=tuple(sorted(set(range(len(names))) - set(columns))),
        shape=require_order(pixels, names, file),
        row_numbers=tuple(row_numbers),
        requires_ids=not is_training,
    )


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


def describe_others(
    others: Sequence[int], names: Sequence[str], pixels: PixelNames, parameters: IngestParameters, *, needs_label: bool
) -> tuple[str, str]:
    """What is wrong with the first of the columns that are neither label, id nor pixel, and what to do.

    The hint has the name that may be meant, or leaves them all out.
    """
    column, label = others[0], shortened(parameters.label)
    name, quoted = names[column], repr(shortened(names[column]))
    before, after = (pixels.numbers.get(beside) for beside in (column - 1, column + 1))
    expected = pixels.name((*before[:-1], before[-1] + 1) if before else pixels.numbers[min(pixels.numbers)])
    what = f"{quoted} is neither the label, the id, nor a pixel"
    if before and after == (*before[:-1], before[-1] + 2):  # it stands in the place of one pixel
        return what, f"rename it to {shortened(expected)}"
    if column == len(names) - 1 and name and expected.startswith(name):
        return what, "the header seems cut off: copy or download the file again, or remove this column"
    settings = {parameters.label: "ingest.label", parameters.id: "ingest.id"}
    missing = [known for known in (*settings, expected) if known not in names]
    meant = meant_name(name, missing, parameters)
    lacks_label = needs_label and parameters.label in missing
    if lacks_label and name and len(others) == 1 and meant in {"", parameters.label}:
        hint = f"if {shortened(name)} holds the labels, use {set_to('ingest.label', name)}, or rename it to {label}"
        return f"the label column {label!r} is missing, and {quoted} is no pixel", hint
    if meant:
        or_set = f", or use {set_to(settings[meant], name)}" if meant in settings else ""
        return what, f"rename it to {shortened(meant)} or remove it{or_set}"
    is_single = len(others) == 1
    these, them = ("it", "it") if is_single else (f"these {len(others)} columns", "them")
    items = whole_to_copy([*(names[each] for each in others), *parameters.leave_out])  # it replaces the earlier list
    leave_out = f"leave {them} out: {set_to('ingest.leave_out', f'[{items}]')}" if items else ""
    hint = f"remove {these}, or {leave_out or f'add {them} to the list ingest.leave_out'}"
    if lacks_label:
        hint += "; one of them must hold the labels: take it off this list, and set ingest.label to it"
    elif name and parameters.id in missing:
        hint += f"; if {'it' if is_single else shortened(name)} holds ids, {set_to('ingest.id', name)}"
    return what, hint


def set_to(setting: str, value: str) -> str:
    """The words of a command that give a setting this value."""
    return f"--set {shlex.quote(f'{setting}={value}')}"


def meant_name(name: str, missing: Sequence[str], parameters: IngestParameters) -> str:
    """The one of the ``missing`` names that ``name`` resembles, an empty text if none."""
    if alike := [known for known in missing if known.lower() == name.lower()]:
        return alike[0]
    if name == KAGGLE_HEADER.id_name and parameters.id in missing:
        return parameters.id
    return next(iter(get_close_matches(shortened(name), missing, n=1)), "")


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
