"""A block of CSV lines as an array of pixels: parsed whole in NumPy, and strictly.

A pixel's cell is one to three digits between two separators, and its last digit stands right before the second:
so the positions of the separators give every value, at a quarter of the time of the fastest general reader. It
also takes nothing for a number that is none: general readers let `` 5``, ``007`` and ``0x1F`` pass without a word.
A block that is not plainly right is refused whole; ``bad_rows`` then looks at it line by line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from stages.raw.layout import CONTROL_CHARACTER, WHOLE_NUMBER, Label, Layout, is_id
from stages.tables import Pixels
from stages.wording import shortened

COMMA, LINE_FEED, QUOTE, ZERO = (ord(character) for character in ',\n"0')


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
        The classes are neither all numbers nor all texts, or one has a control character in it.
    """

    def __init__(self, classes: tuple[Label, ...] | None) -> None:
        if classes is not None and len({type(label) for label in classes}) != 1:
            raise ConfigError(
                "ingest.classes must be all whole numbers or all texts",
                where=f"ingest.classes = {list(classes)[:10]}",
                mend="put every label in quotes, or none",
            )
        if unseen := [label for label in classes or () if CONTROL_CHARACTER.search(str(label))]:
            raise ConfigError(
                "a label with a control character in it cannot be told apart by eye",
                where=f"ingest.classes: {shortened(str(unseen[0]))!a}",
                mend="give the class another label, in the file too",
            )
        self.values = None if classes is None else {str(label): label for label in classes}
        self.rule = "not a whole number (if labels are texts, list them in ingest.classes)"
        if classes is not None:
            more = f", ... ({len(classes)} in all)" if len(classes) > 10 else ""
            self.rule = f"none of ingest.classes: {', '.join(shortened(str(label)) for label in classes[:10])}{more}"

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
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    if b'"' in text:
        unquoted = without_quotes(text)
        if unquoted is None:
            return None
        text = unquoted
    n_columns, n_leading = len(layout.names), len(layout.names) - len(layout.pixels)
    characters = np.frombuffer(text, dtype=np.uint8)
    separators = np.flatnonzero((characters == COMMA) | (characters == LINE_FEED))
    m = text.count(b"\n")
    if len(separators) != m * n_columns:
        return None
    widths = np.diff(separators, prepend=-1).reshape(m, n_columns)  # of the cells, with their separators
    ends = separators.reshape(m, n_columns)
    if (characters[ends[:, -1]] != LINE_FEED).any():
        return None
    pixels = parse_pixels(characters, ends[:, n_leading:], widths[:, n_leading:])  # (m, n_pixels)
    if pixels is None:
        return None
    try:
        leading = {name: cut(text, ends[:, i], widths[:, i]) for i, name in enumerate(layout.names[:n_leading])}
    except UnicodeDecodeError:
        return None
    ids = leading[layout.id] if layout.id else []
    written = leading[layout.label] if layout.label else []
    values = {cell: label for cell in set(written) if (label := labels(cell)) is not None}
    if not all(map(is_id, ids)) or len(values) < len(set(written)):
        return None
    columns = np.ascontiguousarray(pixels.T)
    return Rows(columns, hash_images(columns), labels=[values[cell] for cell in written], ids=ids)


def parse_pixels(characters: Pixels, ends: NDArray[np.int64], widths: NDArray[np.int64]) -> Pixels | None:
    """The values (m, n_pixels) of cells that end before ``ends`` and, with their separator, are so wide.

    None if any cell is not a whole number from 0 to 255 as plain digits.
    """
    if not ends.size:
        return np.empty(ends.shape, dtype=np.uint8)
    if widths.min() < 2 or widths.max() > 4:
        return None
    values = characters.take(ends - 1) - np.uint8(ZERO)  # what is below "0" wraps to a large number
    longer = np.flatnonzero(widths > 2)  # most pixels are blank, with a single digit
    widths, ends = widths.ravel()[longer], ends.ravel()[longer]
    tens = characters[ends - 2] - np.uint8(ZERO)
    hundreds = characters[ends - 3] - np.uint8(ZERO)
    hundreds[widths == 3] = 0
    first_digits = np.where(widths == 3, tens, hundreds)
    # whole arrays of 16 bits: with scalars NumPy 2.1 goes on with 8 in threads, where 256 wraps to 0
    totals = values.ravel()[longer] + 10 * tens.astype(np.uint16) + 100 * hundreds.astype(np.uint16)
    are_digits = values.max() <= 9 and (tens <= 9).all() and (hundreds <= 2).all()
    if not are_digits or (first_digits == 0).any() or (totals > 255).any():
        return None
    values.ravel()[longer] = totals
    return values


def cut(text: bytes, ends: NDArray[np.int64], widths: NDArray[np.int64]) -> list[str]:
    """The cells (m,) of ``text`` that end before ``ends`` and, with their separator, are so wide."""
    starts = ends - widths + 1
    return [text[start:end].decode("utf-8") for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def hash_images(pixels: Pixels) -> NDArray[np.uint64]:
    """A hash (m,) of each image in ``pixels`` (n_pixels, m): multilinear modulo 2**64, the same in every run.

    Two different images collide with a probability of at most 2**-57, as in Lemire & Kaser, "Strongly
    universal string hashing is fast", 2014.
    """
    multipliers = np.random.default_rng(2026).integers(2**64, size=len(pixels), dtype=np.uint64)
    hashes: NDArray[np.uint64] = np.einsum("ij,i->j", pixels, multipliers)
    return hashes


def without_quotes(text: bytes) -> bytes | None:
    """``text`` with ``"7"`` as ``7``; None where a quote is anything but the start or end of a whole cell."""
    characters = np.frombuffer(text, dtype=np.uint8)
    is_quote = characters == QUOTE
    quotes = np.flatnonzero(is_quote)
    if len(quotes) % 2:
        return None
    opening, closing = quotes[0::2], quotes[1::2]
    is_separator = (characters == COMMA) | (characters == LINE_FEED)
    before_opening = is_separator[opening - 1] | (opening == 0)
    after_closing = is_separator[closing + 1]  # a block ends with a line end
    n_separators = np.cumsum(is_separator)
    if not (before_opening & after_closing & (n_separators[opening] == n_separators[closing])).all():
        return None
    unquoted: NDArray[np.uint8] = characters[~is_quote]
    return unquoted.tobytes()
