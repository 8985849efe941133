"""The names of pixel columns, all of one form: ``<prefix><number>``, or row and column as in ``1x1`` to ``8x8``.

They must go through the image row by row, without a gap. Names with rows and columns also give the size of an image.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby, zip_longest
from statistics import mode

from stages.ingest.csv.layout import wrong_header
from stages.shared.messages import FileName, shortened

# Texts and numbers take turns in a name.
NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.ASCII)
BY_ROW_AND_COLUMN = re.compile(r"(.*?)(\d{1,5})(\D+)(\d{1,5})(\D*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class PixelNames:
    """The columns of a header whose names have one form.

    Attributes
    ----------
    texts : what stands around the numbers: ("pixel",), or ("", "x", "")
    numbers : those in each column's name, by the column counted from 0: (7,) in pixel7, (1, 3) in 1x3
    """

    texts: tuple[str, ...]
    numbers: dict[int, tuple[int, ...]]

    def name(self, numbers: tuple[int, ...]) -> str:
        """The name with these numbers."""
        return "".join(chain(*zip_longest(self.texts, map(str, numbers), fillvalue="")))


def find_pixel_names(columns: Sequence[int], names: Sequence[str]) -> PixelNames | None:
    """Those of ``columns`` whose ``names`` have the most frequent form; None if no name is like a pixel's."""
    alike: dict[tuple[str, ...], dict[int, tuple[int, ...]]] = defaultdict(dict)
    for form in (NUMBERED, BY_ROW_AND_COLUMN):
        for column in columns:
            if match := form.fullmatch(names[column]):
                alike[match.groups()[::2]][column] = tuple(map(int, match.groups()[1::2]))
    texts = max(alike, key=lambda texts: len(alike[texts]), default=None)
    return None if texts is None else PixelNames(texts, alike[texts])


def require_order(pixels: PixelNames, names: Sequence[str], file: FileName) -> tuple[int, int] | None:
    """Height and width of an image if the pixels are named by rows and columns; ``names`` are all of the header.

    Raises
    ------
    DataError
        The pixels do not go through the image row by row, one is missing, or the last row is not whole.
    """
    columns, numbers = list(pixels.numbers), list(pixels.numbers.values())
    first_row, first = min(numbers)[:-1], min(number[-1] for number in numbers)  # with one number: a single row
    width = mode(len(list(row)) for _, row in groupby(sorted(numbers), key=lambda number: number[:-1]))
    for n_before, (column, found) in enumerate(pixels.numbers.items()):
        expected = (*(row + n_before // width for row in first_row), first + n_before % width)
        if found != expected:
            name, missing = shortened(names[column]), shortened(pixels.name(expected))
            if expected in numbers or found < expected:
                hint = f"put the columns in ascending order{', row by row of the image' if first_row else ''}"
                place = f"after {shortened(names[columns[n_before - 1]])!r}" if n_before else "first"
                what = f"{name!r} stands {place}, where {missing!r} must stand"
                raise wrong_header(file, what, hint, column)
            what = f"{missing!r} is missing, {name!r} stands in its place"
            raise wrong_header(file, what, "put the column back", column)
    if n_surplus := len(numbers) % width:
        what = f"its last row of pixels has {n_surplus} columns, and the others have {width}"
        raise wrong_header(file, what, "put the columns back", columns[-1])
    return (len(numbers) // width, width) if first_row else None


def prefix_and_number(name: str) -> tuple[str, int]:
    """``pixel`` and 7 for the name pixel7."""
    match = NUMBERED.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, 0)
