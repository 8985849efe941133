"""A block that is not plainly right, line by line: which rows are good, which are not, and why.

Only such blocks come here, so this may take its time. A regular expression tells good lines from bad ones;
pandera then says of every bad cell which rule of the schema it breaks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError, StageError
from stages.csv_matrix import Labels, Rows, parse_block, without_quotes
from stages.layout import Layout
from stages.wording import counted, is_or_are

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

PIXEL = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
PIXEL_RULE = "not a whole number from 0 to 255"

EXAMPLES = 5
ROWS_KEPT = 10_000  # of a file's bad rows; the others are counted only
FAULTS_KEPT = 100_000
ROWS_AT_ONCE = 1000
FEW_ROWS_AT_ONCE = 50  # where most cells are at fault, pandera needs a kilobyte for each
NO_LABELS = {"nan", "na", "n/a", "null", "none", "inf", "-inf"}  # what a missing number is written as
LONGEST_VALUE = 40  # characters of a cell that are shown


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no valid row. ``problem`` is empty where it has the right cells, but not with valid values."""

    line: int
    text: str
    problem: str = ""


def sift_block(block: bytes, first_line: int, layout: Layout, labels: Labels) -> tuple[Rows, list[BadRow]]:
    """The good rows of ``block`` and the bad ones, both in file order.

    ``first_line`` is the number in the file of the block's first line; a file's own first line is 1.

    Raises
    ------
    StageError
        The lines that are good here are not read as such by ``parse_block``: a fault of this program.
    """
    good: list[bytes] = []
    bad: list[BadRow] = []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first_line):
        sifted = sift_line(text.removesuffix(b"\r"), line, layout, labels)
        if isinstance(sifted, BadRow):
            bad.append(sifted)
        else:
            good.append(sifted + b"\n")
    rows = parse_block(b"".join(good), layout, labels)
    if rows is None or len(rows) != len(good):
        raise StageError(
            "two readers disagree about what is a valid row, so none is believed",
            where=f"{layout.file.path}, lines {first_line} to {first_line + len(good) + len(bad) - 1}",
            mend="report this with the file",
        )
    return rows, bad


def sift_line(text: bytes, line: int, layout: Layout, labels: Labels) -> bytes | BadRow:
    """A line without its end: as it is, less harmless quotation marks, if it is a valid row."""
    shown = text.decode("utf-8", errors="backslashreplace")
    if not text:
        return BadRow(line, shown, "the line is blank")
    unquoted = without_quotes(text + b"\n") if b'"' in text else text + b"\n"
    if unquoted is None:
        return BadRow(line, shown, "its quotation marks do not stand around single cells")
    text = unquoted[:-1]
    try:
        cells = text.decode("utf-8").split(",")
    except UnicodeDecodeError:
        return BadRow(line, shown, "the line is not UTF-8")
    if len(cells) != len(layout.names):
        return BadRow(line, shown, f"the line has {counted(len(cells), 'cell')}, not {len(layout.names)}")
    values = dict(zip(layout.names, cells, strict=True))
    is_good = row_pattern(layout).fullmatch(text) and (layout.label is None or labels(values[layout.label]) is not None)
    return text if is_good else BadRow(line, text.decode())


@cache
def row_pattern(layout: Layout) -> re.Pattern[bytes]:
    """What a line looks like whose pixels are valid and whose id, if any, is not empty."""
    leading = "".join("[^,]+," for _ in range(len(layout.names) - len(layout.pixels)))
    return re.compile(f"{leading}(?:{PIXEL},){{{len(layout.pixels) - 1}}}{PIXEL}".encode())


def cell_schema(layout: Layout, labels: Labels) -> pa.DataFrameSchema:
    """What the cells of a row must be, as the text that stands in the file."""
    import pandera.pandas as pa  # a second; most runs meet no bad row

    is_pixel = pa.Check.str_matches(f"^{PIXEL}\\Z", error=PIXEL_RULE)
    columns = {f"^{re.escape(layout.prefix)}[0-9]+$": pa.Column(str, is_pixel, regex=True)}
    if layout.label is not None:
        is_label = pa.Check(lambda text: labels(text) is not None, element_wise=True, error=labels.rule)
        columns[layout.label] = pa.Column(str, is_label)
    if layout.id is not None:
        columns[layout.id] = pa.Column(str, pa.Check.str_length(min_value=1, error="not an id"))
    return pa.DataFrameSchema(columns)


def explain(bad_rows: Sequence[BadRow], layout: Layout, labels: Labels) -> pd.DataFrame:
    """One line for each fault: line, column, value and rule, in file order; a row's own fault has no column.

    Stops after about ``FAULTS_KEPT``: a file of nothing but wrong cells has millions.
    """
    import pandas as pd

    schema = cell_schema(layout, labels)
    order = {name: index for index, name in enumerate(layout.names)}
    faults: list[tuple[int, str, str, str]] = []
    start, n_rows = 0, FEW_ROWS_AT_ONCE
    while start < len(bad_rows) and len(faults) < FAULTS_KEPT:
        rows = bad_rows[start : start + n_rows]
        found = {row.line: [("", row.text[:LONGEST_VALUE], row.problem)] for row in rows if row.problem}
        cells = {row.line: row.text.split(",") for row in rows if not row.problem}
        for case in failures(schema, pd.DataFrame.from_dict(cells, "index", columns=list(layout.names), dtype=str)):
            fault = (case["column"], case["failure_case"][:LONGEST_VALUE], case["check"])
            found.setdefault(case["index"], []).append(fault)
        for line in sorted(found):
            faults += [(line, *fault) for fault in sorted(found[line], key=lambda fault: order.get(fault[0], -1))]
        start += len(rows)
        n_rows = ROWS_AT_ONCE if len(faults) < 10 * start else FEW_ROWS_AT_ONCE
    return pd.DataFrame(faults, columns=["line", "column", "value", "rule"]).astype({"line": "int64"})


def quarantine(bad_rows: Sequence[BadRow], faults: pd.DataFrame) -> dict[str, list[Any]]:
    """What stands in quarantine.parquet: line, reason and text of every bad row, the reason from its ``faults``."""
    reasons: dict[int, list[str]] = {}
    for fault in faults.to_dict("records"):
        cell = f"{fault['column']}: {fault['value']!a} is " if fault["column"] else ""
        reasons.setdefault(fault["line"], []).append(f"{cell}{fault['rule']}")
    return {
        "line": [row.line for row in bad_rows],
        "reason": ["; ".join(reasons.get(row.line, ["not a valid row"])[:EXAMPLES]) for row in bad_rows],
        "text": [row.text for row in bad_rows],
    }


def failures(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Pandera's failure cases; on even where PANDERA_VALIDATION_ENABLED says otherwise."""
    import pandera.pandas as pa
    from pandera.config import config_context

    with config_context(validation_enabled=True):
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            cases: list[dict[str, Any]] = error.failure_cases.to_dict("records")
            return cases
    return []


def bad_rows_error(
    faults: pd.DataFrame, n_bad: int, n_rows: int, layout: Layout, *, mend: str, more: str = ""
) -> DataError:
    """The error for ``n_bad`` of ``n_rows`` rows that are not valid; it shows the first few of ``faults``.

    ``faults`` are all that there are, or those of the first bad rows; ``more`` ends the first sentence.
    """
    n_of_line = faults["line"].value_counts()
    shown = []
    for fault in faults.drop_duplicates("line").head(EXAMPLES).to_dict("records"):
        n_more = n_of_line[fault["line"]] - 1
        cell = f", column {fault['column']}: {fault['value']!a} is" if fault["column"] else ":"
        shown.append(f"line {fault['line']}{cell} {fault['rule']}{f' (and {n_more} more here)' if n_more else ''}")
    if n_bad > len(shown):
        shown.append(f"and {counted(n_bad - len(shown), 'more line')}")
    n_explained = len(n_of_line)
    kept = "every fault is" if n_explained == n_bad else f"the faults of the first {n_explained:,} of them are"
    return DataError(
        f"{n_bad:,} of the {counted(n_rows, 'row')} of {layout.file} {is_or_are(n_bad)} not valid{more}",
        where="\n    ".join([layout.file.path, *shown]),
        mend=f"{mend}; {kept} in artifacts/ingest/failures.parquet",
    )


def text_labels(bad_rows: Sequence[BadRow], layout: Layout) -> list[str]:
    """The distinct labels of ``bad_rows`` in file order, if most are texts and not numbers of whatever spelling."""
    if layout.label is None:
        return []
    index = layout.names.index(layout.label)
    labels = [row.text.split(",")[index] for row in bad_rows if not row.problem]
    texts = [label for label in labels if any(map(str.isalpha, label)) and label.lower() not in NO_LABELS]
    return list(dict.fromkeys(texts)) if 2 * len(texts) > len(bad_rows) else []
