"""A block of CSV lines as an array of pixels: the fast way, and the proof that nothing was read leniently.

pyarrow parses unsigned bytes strictly but for a few spellings that it takes without a word: `` 5``, ``007``,
``0x1F``, blank lines. Every one of them is longer than the number written plainly. So when a block is exactly
as long as its values written plainly, it holds nothing else; when it is not, or pyarrow refuses it, there is
something in it that ``bad_rows`` finds line by line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from stages.layout import WHOLE_NUMBER, Label, Layout
from stages.tables import Pixels, columns_as_array

SEPARATORS = np.frombuffer(b",\r\n", dtype=np.uint8)
QUOTE = ord('"')
LONE_CARRIAGE_RETURN = re.compile(rb"\r(?!\n)")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a CSV whose every cell is valid.

    Attributes
    ----------
    pixels : uint8 (n_pixels, m), one pixel column a row, as Parquet stores them
    labels : the label of each row, m of them; None where the file has none
    ids : the id of each row as it is written, m of them; None where the file has none
    """

    pixels: Pixels
    labels: list[Label] | None
    ids: list[str] | None

    def __len__(self) -> int:
        return len(self.pixels.T)


class Labels:
    """Which texts are labels, and what they mean: whole numbers, or the configured classes."""

    def __init__(self, classes: tuple[Label, ...] | None) -> None:
        self.values = None if classes is None else {str(label): label for label in classes}
        self.rule = "not a whole number (if labels are texts, list them in ingest.classes)"
        if classes is not None:
            more = f", ... ({len(classes)} in all)" if len(classes) > 10 else ""
            self.rule = f"none of ingest.classes: {', '.join(map(str, classes[:10]))}{more}"

    @property
    def are_texts(self) -> bool:
        """Whether labels are texts rather than whole numbers."""
        return self.values is not None and any(isinstance(label, str) for label in self.values.values())

    def __call__(self, text: str) -> Label | None:
        """The label that ``text`` stands for, None if it is none."""
        if self.values is not None:
            return self.values.get(text)
        return int(text) if WHOLE_NUMBER.fullmatch(text) else None


def parse_block(text: bytes, layout: Layout, labels: Labels) -> Rows | None:
    """The rows of ``text``, whole lines with line ends; None if any of it is not plainly right."""
    if b'"' in text:
        unquoted = without_quotes(text)
        if unquoted is None:
            return None
        text = unquoted
    n_returns = text.count(b"\r")
    if n_returns and LONE_CARRIAGE_RETURN.search(text):
        return None
    table = read_table(text, layout)
    if table is None:
        return None
    pixels = columns_as_array(table.select(layout.pixels))  # (n_pixels, m)
    texts = {name: table[name].to_pylist() for name in (layout.label, layout.id) if name is not None}
    n_digits = pixels.size + np.count_nonzero(pixels >= 10) + np.count_nonzero(pixels >= 100)
    n_letters = sum(len(value.encode()) for values in texts.values() for value in values)
    n_separators = table.num_rows * len(layout.names) + n_returns
    if len(text) != n_digits + n_letters + n_separators:
        return None
    ids = texts[layout.id] if layout.id else None
    if ids is not None and "" in ids:
        return None
    if layout.label is None:
        return Rows(pixels, None, ids)
    values = {value: label for value in set(texts[layout.label]) if (label := labels(value)) is not None}
    try:
        return Rows(pixels, [values[value] for value in texts[layout.label]], ids)
    except KeyError:  # not a label
        return None


def read_table(text: bytes, layout: Layout) -> pa.Table | None:
    """``text`` as pyarrow reads it: pixels as uint8, label and id as text; None if it refuses."""
    is_pixel = set(layout.pixels)
    types = {name: pa.uint8() if name in is_pixel else pa.string() for name in layout.names}
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            # Several blocks are parsed at once, so each has one thread.
            read_options=csv.ReadOptions(column_names=layout.names, use_threads=False, block_size=len(text) + 1),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[]),
        )
    except pa.ArrowInvalid:
        return None


def without_quotes(text: bytes) -> bytes | None:
    """``text`` with ``"7"`` as ``7``; None where a quote is anything but the start or end of a whole cell."""
    characters = np.frombuffer(text, dtype=np.uint8)
    is_quote = characters == QUOTE
    quotes = np.flatnonzero(is_quote)
    if len(quotes) % 2:
        return None
    opening, closing = quotes[0::2], quotes[1::2]
    is_separator = np.isin(characters, SEPARATORS)
    before_opening = is_separator[opening - 1] | (opening == 0)
    after_closing = is_separator[closing + 1]  # a block ends with a line end
    n_separators = np.cumsum(is_separator)
    if not (before_opening & after_closing & (n_separators[opening] == n_separators[closing])).all():
        return None
    unquoted: NDArray[np.uint8] = characters[~is_quote]
    return unquoted.tobytes()
