"""Find the bad lines: read the blocks that ``parse`` refuses line by line, and separate good rows from bad ones.

Such blocks are few, so this may be slow. ``faults`` says what is wrong with the bad rows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.errors import StageError
from stages.ingest.csv.labels import ClassSet, is_id
from stages.ingest.csv.layout import Layout
from stages.ingest.csv.parse import ParsedRows, parse_block, split_cells, without_quotes
from stages.shared.messages import counted

PIXELS = frozenset(map(str, range(256)))

HEADER_AGAIN = "the line is the header again"
NOT_UTF_8 = "the line is not UTF-8"
HAS_NUL = "; there are NUL bytes in it"

ROWS_KEPT = 10_000  # of a file's bad rows; the others are counted only
BYTES_KEPT = 64 * 2**20  # of their text


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no valid row. ``problem`` is empty if only the values of cells are wrong, and not their number."""

    line: int
    text: str
    problem: str = ""

    def cells(self) -> list[str]:
        """The cells of a row without a ``problem``, less their quotation marks."""
        unquoted = without_quotes(self.text.encode() + b"\n") if '"' in self.text else None
        return split_cells(unquoted[:-1], is_quoted=True) if unquoted else self.text.split(",")


@dataclass(slots=True)
class BadRows:
    """The bad rows of a file: their number, and the first ones, as many as memory allows."""

    n: int = 0
    kept: list[BadRow] = field(default_factory=list)
    n_bytes: int = 0  # of the text of those that are kept

    def add(self, rows: list[BadRow]) -> None:
        """Add the bad rows of a block."""
        for row in rows:
            n_bytes = self.n_bytes + sys.getsizeof(row.text)
            if self.are_all_kept and self.n < ROWS_KEPT and n_bytes <= BYTES_KEPT:
                self.kept.append(row)
                self.n_bytes = n_bytes
            self.n += 1

    @property
    def are_all_kept(self) -> bool:
        """Whether the text of every bad row is kept."""
        return len(self.kept) == self.n

    def is_cut_off_at(self, last_line: int, layout: Layout) -> bool:
        """Whether the last line, which has no line end, is the beginning of a row that was cut off."""
        if not self.kept or self.kept[-1].line != last_line:
            return False
        text = self.kept[-1].text
        return text.endswith(",") or text.count(",") + 1 < len(layout.names)


def separate_bad_lines(
    block: bytes, first_line: int, layout: Layout, labels: ClassSet
) -> tuple[ParsedRows, list[BadRow]]:
    """The good rows of ``block`` and the bad ones, both in file order.

    ``first_line`` is the number in the file of the block's first line; a file's own first line is 1.

    Raises
    ------
    StageError
        ``parse_block`` refuses lines that are good here, which is a bug of this program.
    """
    good: list[bytes] = []
    bad: list[BadRow] = []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first_line):
        row = text.removesuffix(b"\r")
        bad_row = check_line(row, line, layout, labels)
        if bad_row is None:
            good.append(row + b"\n")
        else:
            bad.append(bad_row)
    rows = parse_block(b"".join(good), layout, labels)
    if rows is None or len(rows) != len(good):
        what = "two parts of the program disagree on whether a row is valid, which is a bug"
        where = f"{layout.file.path}, lines {first_line} to {first_line + len(good) + len(bad) - 1}"
        raise StageError(what, where=where, hint="report this with the file")
    return rows, bad


def check_line(text: bytes, line: int, layout: Layout, labels: ClassSet) -> BadRow | None:
    """The bad row in a line, which comes without its end; None if the line is a valid row."""

    def bad_row(problem: str = "") -> BadRow:
        if problem and b"\0" in text:
            problem += HAS_NUL
        return BadRow(line, text.decode("utf-8", errors="backslashreplace"), problem)

    if not text:
        return bad_row("the line is blank")
    is_quoted = b'"' in text
    unquoted = without_quotes(text + b"\n") if is_quoted else text + b"\n"
    if unquoted is None:
        return bad_row("its quotation marks do not stand around whole cells")
    try:
        cells = split_cells(unquoted[:-1], is_quoted=is_quoted)
    except UnicodeDecodeError:
        return bad_row(NOT_UTF_8)
    if len(cells) != len(layout.names):
        return bad_row(f"the line has {counted(len(cells), 'cell')}, not {len(layout.names)}")
    if next(bad_cells(cells, layout, labels), None) is None:
        return None
    is_header = tuple(cell.strip() for cell in cells) == layout.names
    return bad_row(HEADER_AGAIN if is_header else "")


def bad_cells(cells: Sequence[str], layout: Layout, labels: ClassSet) -> Iterator[int]:
    """The columns, counted from 0, of a row's cells that are not valid."""
    texts = set(layout.text_columns)
    for column, cell in enumerate(cells):
        if column not in texts:
            is_valid = cell in PIXELS
        elif (name := layout.names[column]) == layout.label:
            is_valid = labels(cell) is not None
        else:
            is_valid = name != layout.id or not layout.requires_ids or is_id(cell)
        if not is_valid:
            yield column
