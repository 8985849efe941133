"""What is wrong with bad rows: each bad cell, with the rule that it breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from stages.ingest.bad_rows.bad_lines import HAS_NUL, BadRow, bad_cells
from stages.ingest.csv.labels import ID_RULE, ClassSet
from stages.ingest.csv.layout import Layout
from stages.shared.messages import EXAMPLES, shortened

PIXEL_RULE = "not a whole number from 0 to 255"

FAULTS_KEPT = 100_000


class Fault(NamedTuple):
    """What is wrong with one cell of a line, or with the whole line if ``column`` is empty."""

    line: int
    column: str
    value: str
    rule: str

    def __str__(self) -> str:
        return f"{shortened(self.column)}: {self.value!r} is {self.rule}" if self.column else self.rule


def explain(bad_rows: Sequence[BadRow], layout: Layout, labels: ClassSet) -> tuple[list[Fault], int]:
    """Every fault of ``bad_rows``, in file order; after ``FAULTS_KEPT`` of them only the first fault of each row.

    The number says of how many rows, the first ones, every fault is there.
    """
    faults: list[Fault] = []
    n_whole = 0
    for row in bad_rows:
        faults += islice(faults_of(row, layout, labels), max(1, FAULTS_KEPT - len(faults)))
        n_whole += len(faults) < FAULTS_KEPT
    return faults, n_whole


def faults_of(row: BadRow, layout: Layout, labels: ClassSet) -> Iterator[Fault]:
    """Every fault of a bad row."""
    if row.problem:
        yield Fault(row.line, "", shortened(row.text), row.problem)
        return
    cells, rules = row.cells(), {layout.label: labels.rule, layout.id: ID_RULE}
    for column in bad_cells(cells, layout, labels):
        rule = rules.get(layout.names[column], PIXEL_RULE) + HAS_NUL * ("\0" in cells[column])
        yield Fault(row.line, layout.names[column], shortened(cells[column]), rule)


def quarantine(bad_rows: Sequence[BadRow], faults: Sequence[Fault]) -> dict[str, list[Any]]:
    """The columns of quarantine.parquet: line, reason and text of every bad row; the reasons are the ``faults``."""
    reasons: dict[int, list[str]] = {}
    for fault in faults:
        reasons.setdefault(fault.line, []).append(str(fault))
    return {
        "line": [row.line for row in bad_rows],
        "reason": ["; ".join(reasons[row.line][:EXAMPLES]) for row in bad_rows],
        "text": [row.text for row in bad_rows],
    }
