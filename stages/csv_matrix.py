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

from pipeline.errors import ConfigError
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
    hashes : uint64 (m,), ``hash_images`` of them
    labels : the label of each row, m of them; empty where the file has none
    ids : the id of each row as it is written, m of them; empty where the file has none
    """

    pixels: Pixels
    hashes: NDArray[np.uint64]
    labels: list[Label]
    ids: list[str]

    def __len__(self) -> int:
        return len(self.pixels.T)


class Labels:
    """Which texts are labels, and what they mean: whole numbers, or the configured classes.

    Raises
    ------
    ConfigError
        The classes are neither all numbers nor all texts.
    """

    def __init__(self, classes: tuple[Label, ...] | None) -> None:
        if classes is not None and len({type(label) for label in classes}) != 1:
            raise ConfigError(
                "ingest.classes must be all whole numbers or all texts",
                where=f"ingest.classes = {list(classes)[:10]}",
                mend="put every label in quotes, or none",
            )
        self.values = None if classes is None else {str(label): label for label in classes}
        self.rule = "not a whole number (if labels are texts, list them in ingest.classes)"
        if classes is not None:
            more = f", ... ({len(classes)} in all)" if len(classes) > 10 else ""
            self.rule = f"none of ingest.classes: {', '.join(map(str, classes[:10]))}{more}"

    @property
    def are_texts(self) -> bool:
        """Whether labels are texts rather than whole numbers."""
        return self.values is not None and all(isinstance(label, str) for label in self.values.values())

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
    ids = texts[layout.id] if layout.id else []
    written = texts[layout.label] if layout.label else []
    values = {text: label for text in set(written) if (label := labels(text)) is not None}
    if "" in ids or len(values) < len(set(written)):
        return None
    return Rows(pixels, hash_images(pixels), labels=[values[text] for text in written], ids=ids)


def hash_images(pixels: Pixels) -> NDArray[np.uint64]:
    """A hash (m,) of each image in ``pixels`` (n_pixels, m): multilinear modulo 2**64, the same in every run.

    Two different images collide with a probability of at most 2**-57, as in Lemire & Kaser, "Strongly
    universal string hashing is fast", 2014.
    """
    multipliers = np.random.default_rng(2026).integers(2**64, size=len(pixels), dtype=np.uint64)
    hashes: NDArray[np.uint64] = np.einsum("ij,i->j", pixels, multipliers)
    return hashes


def read_table(text: bytes, layout: Layout) -> pa.Table | None:
    """``text`` as pyarrow reads it: pixels as uint8, label and id as text; None if it refuses."""
    is_pixel = set(layout.pixels)
    types = {name: pa.uint8() if name in is_pixel else pa.string() for name in layout.names}
    if not text:
        return pa.schema(types).empty_table()
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
