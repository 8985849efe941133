"""What is wrong with bad rows: pandera says which rule each bad cell breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from stages.ingest.bad_rows.bad_lines import HAS_NUL, PIXEL, BadRow, disagreement
from stages.ingest.csv.labels import ID_RULE, ClassSet, is_id
from stages.ingest.csv.layout import Layout
from stages.shared.messages import EXAMPLES, shortened

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

PIXELS = frozenset(map(str, range(256)))
PIXEL_RULE = "not a whole number from 0 to 255"

FAULTS_KEPT = 100_000


def bad_cells(cells: list[str], layout: Layout, labels: ClassSet) -> Iterator[int]:
    """The columns, counted from 0, of a row's cells that are not valid."""
    texts = set(layout.text_columns)
    for column, (name, cell) in enumerate(zip(layout.names, cells, strict=True)):
        if column not in texts:
            is_valid = cell in PIXELS
        elif name == layout.label:
            is_valid = labels(cell) is not None
        else:
            is_valid = name != layout.id or not layout.requires_ids or is_id(cell)
        if not is_valid:
            yield column


def cell_schemas(layout: Layout, labels: ClassSet) -> dict[str | None, pa.SeriesSchema]:
    """What the cells must be, as the text that stands in the file: the label, the id, and (None) every pixel."""
    import pandera.pandas as pa  # takes a second, and most runs have no bad row

    is_label = pa.Check(lambda text: labels(text) is not None, element_wise=True, error=labels.rule)
    return {
        layout.label: pa.SeriesSchema(str, is_label),
        layout.id: pa.SeriesSchema(str, pa.Check(is_id, element_wise=True, error=ID_RULE)),
        None: pa.SeriesSchema(str, pa.Check.str_matches(f"^{PIXEL}\\Z", error=PIXEL_RULE)),
    }


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with the first bad rows of a file.

    Attributes
    ----------
    table : a line for each fault, in file order: file, line, column (empty: the whole row), value, rule
    n_rows : how many bad rows are in the table
    n_whole : how many of them, the first ones, are there with every fault
    """

    table: pd.DataFrame
    n_rows: int
    n_whole: int


def explain(bad_rows: Sequence[BadRow], layout: Layout, labels: ClassSet) -> Faults:
    """Every fault of ``bad_rows``; after ``FAULTS_KEPT`` of them only the first fault of each row.

    Only the bad cells go through pandera: a frame of whole rows takes it minutes.

    Raises
    ------
    StageError
        Pandera accepts a cell that was refused here, which is a bug of this program.
    """
    import pandas as pd

    faults: list[tuple[int, str, str, str]] = []
    values: dict[str | None, dict[int, str]] = {layout.label: {}, layout.id: {}, None: {}}  # by the index in faults
    n_whole = 0
    for n_before, row in enumerate(bad_rows):
        if row.problem:
            faults.append((row.line, "", shortened(row.text), row.problem))
        else:
            cells = row.cells()
            columns = list(islice(bad_cells(cells, layout, labels), max(1, FAULTS_KEPT - len(faults))))
            for column in columns:
                name, cell = layout.names[column], cells[column]
                values[name if name in values else None][len(faults)] = cell
                faults.append((row.line, name, shortened(cell), ""))
        if len(faults) < FAULTS_KEPT:
            n_whole = n_before + 1
    rules = dict(enumerate(fault[-1] for fault in faults))
    for kind, schema in cell_schemas(layout, labels).items():
        for case in failures(schema, pd.Series(values[kind], dtype=str)):
            rules[case["index"]] = case["check"] + HAS_NUL * ("\0" in case["failure_case"])
    if "" in rules.values():
        raise disagreement(f"{layout.file.path}, line {faults[list(rules.values()).index('')][0]}")
    table = pd.DataFrame(faults, columns=["line", "column", "value", "rule"]).astype({"line": "int64"})
    table["rule"] = list(rules.values())
    table.insert(0, "file", layout.file.name)
    return Faults(table, len(bad_rows), n_whole)


def quarantine(bad_rows: Sequence[BadRow], faults: Faults) -> dict[str, list[Any]]:
    """The columns of quarantine.parquet: line, reason and text of every bad row; the reasons are the ``faults``."""
    reasons: dict[int, list[str]] = {}
    for fault in faults.table.to_dict("records"):
        cell = f"{shortened(fault['column'])}: {fault['value']!r} is " if fault["column"] else ""
        reasons.setdefault(fault["line"], []).append(f"{cell}{fault['rule']}")
    return {
        "line": [row.line for row in bad_rows],
        "reason": ["; ".join(reasons[row.line][:EXAMPLES]) for row in bad_rows],
        "text": [row.text for row in bad_rows],
    }


def failures(schema: pa.SeriesSchema, column: pd.Series[str]) -> list[dict[str, Any]]:
    """Pandera's failure cases, even if PANDERA_VALIDATION_ENABLED turns pandera off."""
    import pandera.pandas as pa
    from pandera.config import config_context

    with config_context(validation_enabled=True):
        try:
            schema.validate(column, lazy=True)
        except pa.errors.SchemaErrors as error:
            cases: list[dict[str, Any]] = error.failure_cases.to_dict("records")
            return cases
    return []
