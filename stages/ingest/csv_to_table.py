"""One raw CSV becomes one image table, and a summary of what was found.

The file is read in blocks of lines. A few threads parse blocks at the same time, and one thread writes them in order.
A block with an invalid or unusual cell is read again line by line.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from stages.ingest.bad_rows.bad_lines import BadRows, separate_bad_lines
from stages.ingest.csv.labels import ClassSet
from stages.ingest.csv.layout import Layout
from stages.ingest.csv.parse import ParsedRows, parse_block
from stages.ingest.csv.streams import DOWNLOAD_AGAIN, RawCsv, no_rows
from stages.ingest.image_table import Contract, ImageTable
from stages.ingest.running_summary import Summary
from stages.shared.documents import Label

# More threads parse faster than one thread writes, and each holds a block.
N_THREADS = min(4, os.cpu_count() or 1)
MANY = 0.2  # of all rows

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class FileContents:
    """What one file holds."""

    layout: Layout
    summary: Summary
    first_line: int  # the number in the file of the first row's line
    bad: BadRows = field(default_factory=BadRows)
    ids: list[str] = field(default_factory=list)
    is_cut_off: bool = False  # whether it ends in the middle of a row

    @property
    def n_rows(self) -> int:
        """The rows of the file, good and bad."""
        return self.summary.n_rows + self.bad.n

    @property
    def share_bad(self) -> float:
        """The share of bad rows among all of them."""
        return self.bad.n / self.n_rows if self.n_rows else 0.0

    @property
    def has_many_bad(self) -> bool:
        """Whether so many rows are bad that the fault is in the file, and not in its rows."""
        return self.share_bad > MANY

    def lines_labelled(self, label: Label, most: int) -> list[int]:
        """The line numbers in the file of the first ``most`` rows with this label, if all bad rows were kept."""
        lines = [self.first_line + int(row) for row in self.summary.rows_labelled(label)[:most]]
        for bad in self.bad.kept:  # in ascending order; each bad row moves the rows behind it down by a line
            lines = [line + (bad.line <= line) for line in lines]
        return lines


def table_for(layout: Layout, labels: ClassSet, path: Path) -> ImageTable:
    """The image table for a file of this layout; enter it as a context before rows are added."""
    types = {layout.id: pa.string(), layout.label: pa.string() if labels.are_texts else pa.int64()}
    return ImageTable(path, {name: types[name] for name in layout.names if name in types}, layout.pixels)


def convert(
    raw: RawCsv, layout: Layout, labels: ClassSet, table: ImageTable, show_progress: Callable[[], None]
) -> FileContents:
    """Add the valid rows of ``raw`` to ``table``, and collect their summary and the bad rows.

    Raises
    ------
    DataError
        The file is damaged, or holds no row at all.
    """
    found = FileContents(layout, Summary(len(layout.pixels)), raw.first_line)
    for rows in good_rows(raw, labels, found):
        columns: dict[str | None, list[Any]] = {layout.label: rows.labels, layout.id: rows.ids}
        table.add(rows.pixels, {name: columns[name] for name in table.leading})
        show_progress()
    classes = tuple(each.label for each in found.summary.class_counts())
    table.describe(Contract(rows=found.summary.n_rows, label=layout.label, id=layout.id, classes=classes))
    if not found.n_rows:
        raise no_rows(layout.file, DOWNLOAD_AGAIN)
    return found


def good_rows(raw: RawCsv, labels: ClassSet, found: FileContents) -> Iterator[ParsedRows]:
    """The valid rows of each block of ``raw``; what the file holds is collected in ``found``."""
    layout = found.layout
    for block, parsed in map_ahead(lambda block: (block, parse_block(block, layout, labels)), raw.blocks()):
        rows = parsed
        if rows is None:
            rows, bad_rows = separate_bad_lines(block, found.first_line + found.n_rows, layout, labels)
            found.bad.add(bad_rows)
        found.summary.add(rows)
        found.ids += rows.ids
        yield rows
    last_line = found.first_line + found.n_rows - 1
    found.is_cut_off = raw.ends_within_line and found.bad.is_cut_off_at(last_line, layout)


def map_ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Like ``map``, in order, on ``N_THREADS`` threads, and never more than one item ahead of each thread."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(N_THREADS) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > N_THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
