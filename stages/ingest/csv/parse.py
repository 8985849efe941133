"""Parse a block of CSV lines into an array of pixels: all cells at once in NumPy, and strictly.

A pixel's cell is one to three digits between two separators, so the four characters before its end identify it. The
lower four bits of each make a key of 16 bits, and a table gives the pixel for each key. The table has only the 256
plain spellings; general readers accept `` 5``, ``007`` and ``0x1F`` too, without a word. If any cell of a block is
invalid or unusual, the whole block is refused, and ``bad_lines`` reads it line by line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
from numpy.typing import NDArray

from stages.ingest.csv.labels import ClassSet, is_id
from stages.ingest.csv.layout import Layout
from stages.shared.arrays import Pixels
from stages.shared.documents import Label

COMMA, LINE_FEED, QUOTE, ZERO = (ord(character) for character in ',\n"0')

# These replace commas and quotation marks within quoted cells until cells are split; no cell may hold them.
COMMA_WITHIN, QUOTE_WITHIN = 0x1F, 0x1E
MEANT = {COMMA_WITHIN: ",", QUOTE_WITHIN: '"'}


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """Rows of a CSV whose every cell is valid.

    Attributes
    ----------
    pixels : uint8 (n_pixels, m), one pixel column a row, as Parquet stores them
    hashes : uint64 (m,), ``hash_images`` of them
    labels : the label of each row, m of them; empty where the layout has none
    ids : the id of each row as it is written, m of them; empty where the layout has none
    """

    pixels: Pixels
    hashes: NDArray[np.uint64]
    labels: list[Label]
    ids: list[str]

    def __len__(self) -> int:
        return len(self.pixels.T)


def parse_block(text: bytes, layout: Layout, labels: ClassSet) -> ParsedRows | None:
    """The rows of ``text``, which is whole lines with line ends; None if a cell is invalid or unusual."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    is_quoted = b'"' in text
    if is_quoted:
        unquoted = without_quotes(text)
        if unquoted is None:
            return None
        text = unquoted
    n_columns = len(layout.names)
    characters = np.frombuffer(text, dtype=np.uint8)
    is_line_end = characters == LINE_FEED
    m = np.count_nonzero(is_line_end)
    separators = np.flatnonzero(is_line_end | (characters == COMMA))
    if len(separators) != m * n_columns:
        return None
    ends = separators.reshape(m, n_columns)  # of the cells
    if not is_line_end[ends[:, -1]].all():
        return None
    texts = [text_cells(text, ends, column) for column in layout.text_columns]
    n_other = sum(len(cells.translate(None, b"0123456789,")) for cells in texts)
    n_digits = np.count_nonzero(characters - np.uint8(ZERO) < 10)  # what is below "0" wraps to a large number
    if n_digits + ends.size + n_other != len(text):
        return None
    values = SPELLED.take(keys_before(characters).take(ends[:, pixel_columns(layout)]))  # (m, n_pixels)
    if values.max(initial=0) > 255:
        return None
    try:
        columns: dict[str | None, list[str]] = {
            layout.names[column]: split_cells(cells, is_quoted=is_quoted) if m else []
            for column, cells in zip(layout.text_columns, texts, strict=True)
        }
    except UnicodeDecodeError:
        return None
    ids, written = columns.get(layout.id, []), columns.get(layout.label, [])
    meanings = {cell: label for cell in set(written) if (label := labels(cell)) is not None}
    if len(meanings) < len(set(written)) or (layout.requires_ids and not all(map(is_id, ids))):
        return None
    pixels = np.ascontiguousarray(values.astype(np.uint8).T)
    return ParsedRows(pixels, hash_images(pixels), labels=[meanings[cell] for cell in written], ids=ids)


def text_cells(text: bytes, ends: NDArray[np.int64], column: int) -> bytes:
    """The cells of a column, joined by commas; ``ends`` (m, n_columns) are where cells end."""
    starts = (ends[:, column - 1] if column else np.concatenate([[-1], ends[:-1, -1]])) + 1
    return b",".join([text[start:end] for start, end in zip(starts.tolist(), ends[:, column].tolist(), strict=False)])


@cache
def pixel_columns(layout: Layout) -> slice | NDArray[np.int64]:
    """The indices of the pixel columns; if they are side by side, as a slice, which is faster."""
    columns = np.delete(np.arange(len(layout.names)), layout.text_columns)
    is_whole = columns[-1] - columns[0] == len(columns) - 1
    return slice(int(columns[0]), int(columns[-1]) + 1) if is_whole else columns


def keys_before(characters: Pixels) -> NDArray[np.uint16]:
    """For each index of ``characters`` (n,) the key of the four before it, the last one in its lowest four bits.

    The lower four bits of a character distinguish digits, commas and line ends.
    """
    padded = np.full(len(characters) + 4, LINE_FEED, dtype=np.uint8)
    padded[4:] = characters
    padded &= 15
    pairs = padded[:-1] * np.uint8(16)  # faster than a shift
    pairs |= padded[1:]
    keys = pairs[: len(characters)].astype(np.uint16)
    keys <<= 8
    keys |= pairs[2:-1]
    return keys


def spelled_values() -> NDArray[np.uint16]:
    """The pixel whose cell ends after four characters, for each of their keys, (2**16,); 256 if there is none.

    There are 256 spellings, each after a comma or a line end. Any character may stand before that.
    """
    values = np.full(2**16, 256, dtype=np.uint16)
    for pixel in range(256):
        for separator in (COMMA, LINE_FEED):
            key = reduce(lambda key, character: 16 * key + character % 16, str(pixel).encode(), separator % 16)
            values[key :: 16 ** (1 + len(str(pixel)))] = pixel
    return values


SPELLED = spelled_values()


def hash_images(pixels: Pixels) -> NDArray[np.uint64]:
    """A hash (m,) of each image in ``pixels`` (n_pixels, m): multilinear modulo 2**64, the same in every run.

    Two different images collide with a probability of at most 2**-57, as in Lemire & Kaser, "Strongly
    universal string hashing is fast", 2014.
    """
    hashes: NDArray[np.uint64] = np.einsum("ij,i->j", pixels, multipliers(len(pixels)))
    return hashes


@cache
def multipliers(n: int) -> NDArray[np.uint64]:
    """``n`` numbers drawn at random, the same in every run."""
    return np.random.default_rng(2026).integers(2**64, size=n, dtype=np.uint64)


def split_cells(line: bytes, *, is_quoted: bool) -> list[str]:
    """The cells of ``line``, which went through ``without_quotes`` if it ``is_quoted``.

    Raises
    ------
    UnicodeDecodeError
        It is not UTF-8.
    """
    cells = line.decode("utf-8").split(",")
    return [cell.translate(MEANT) for cell in cells] if is_quoted else cells


def without_quotes(text: bytes) -> bytes | None:
    """``text`` without the quotation marks around cells; within them ``COMMA_WITHIN`` and ``QUOTE_WITHIN`` are used.

    None if a quotation mark is neither at an end of a whole cell nor doubled within one.
    """
    if b"\x1e" in text or b"\x1f" in text:
        return None
    characters = np.frombuffer(text, dtype=np.uint8)
    is_quote = characters == QUOTE
    quotes = np.flatnonzero(is_quote)
    if len(quotes) % 2:
        return None
    opening, closing = quotes[0::2], quotes[1::2]
    is_doubled = opening[1:] == closing[:-1] + 1  # these two mean one mark in the cell
    is_line_end = characters == LINE_FEED
    is_separator = is_line_end | (characters == COMMA)
    begins_cell = is_separator[opening - 1] | (opening == 0)
    ends_cell = is_separator[closing + 1]  # a block ends with a line end
    is_within = np.bitwise_xor.accumulate(is_quote.view(np.uint8)).view(np.bool_)
    if not (begins_cell[:1].all() and (begins_cell[1:] | is_doubled).all()):
        return None
    if not (ends_cell[-1:].all() and (ends_cell[:-1] | is_doubled).all()) or (is_within & is_line_end).any():
        return None
    unquoted = characters.copy()
    unquoted[is_within & (characters == COMMA)] = COMMA_WITHIN
    unquoted[opening[1:][is_doubled]] = QUOTE_WITHIN
    is_quote[opening[1:][is_doubled]] = False
    kept: Pixels = unquoted[~is_quote]
    return kept.tobytes()
