"""What is wrong with bad rows: pandera says which rule each bad cell breaks, and messages show the first few."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError
from stages.ingest.csv.bad_lines import HAS_NUL, HEADER_AGAIN, PIXEL, BadRow, disagreement
from stages.ingest.csv.labels import ID_RULE, WHOLE_NUMBER, ClassSet, is_id
from stages.ingest.csv.layout import Layout
from stages.shared.messages import EXAMPLES, counted, is_or_are, shortened

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

PIXELS = frozenset(map(str, range(256)))
PIXEL_RULE = "not a whole number from 0 to 255"

FAULTS_KEPT = 100_000
LARGEST_ADVISED_SHARE = 0.2  # if more rows are bad, the fault is in the file and not in its rows
OTHER_LAYOUT = (
    "the file is damaged, or is laid out in another way: download it again, or describe it by ingest.has_header, "
    "ingest.label, ingest.id and ingest.leave_out"
)
CUT_OFF = "the file seems cut off in the middle of its last line"
COPY_AGAIN = "copy or download it again"
MISSPELLED = re.compile(r"[+-]?[0-9]{1,18}(?:\.0+)?")  # 7.0, 07: a label that is a whole number in another spelling
SIXTEEN_BITS = range(4096, 65536)  # where the largest pixel of images of 16 bits lies; those of 12 bits end below
FRACTION = re.compile(r"-?[0-9]{0,18}\.[0-9]{1,40}(?:[eE][+-]?[0-9]{1,2})?")
NUMBER = re.compile(rf"-?[0-9]{{1,18}}|{FRACTION.pattern}")
ROWS_JUDGED = 100  # bad rows that are searched for a cause in the whole file
TEXT = re.compile(r"[^\W\d_]|[^\x00-\x7f]")  # a letter, or a digit of another script
NO_VALUES = {"", "?", "nan", "na", "n/a", "null", "none", "inf", "-inf"}  # spellings of a missing value


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


def bad_rows_error(
    faults: Faults, n_bad: int, n_rows: int, layout: Layout, *, is_cut_off: bool, hint: str, more: str = ""
) -> DataError:
    """The error for ``n_bad`` of ``n_rows`` rows that are not valid; it shows the first few of ``faults``.

    ``more`` ends the first sentence. ``is_cut_off`` says whether the file ends in the middle of a row.
    """
    if is_cut_off:
        more += f": {CUT_OFF}"
        hint = COPY_AGAIN if n_bad == 1 else f"{COPY_AGAIN}; if that does not help, {hint}"
    n_of_line = faults.table["line"].value_counts()
    shown = []
    for index, fault in enumerate(faults.table.drop_duplicates("line").head(EXAMPLES).to_dict("records")):
        n_more = n_of_line[fault["line"]] - 1
        at_least = "" if index < faults.n_whole else "at least "
        others = f" (and {at_least}{counted(n_more, 'more fault')} in this line)" if n_more else ""
        cell = f", column {shortened(fault['column'])}: {fault['value']!r} is" if fault["column"] else ":"
        shown.append(f"line {fault['line']}{cell} {fault['rule']}{others}")
    if n_bad > len(shown):
        shown.append(f"and {counted(n_bad - len(shown), 'more line')}")
    return DataError(
        f"{n_bad:,} of the {counted(n_rows, 'row')} of {layout.file} {is_or_are(n_bad)} not valid{more}",
        where=[layout.file.path, *shown],
        hint=hint,
    )


def labels_of(bad_rows: Sequence[BadRow], layout: Layout) -> list[str]:
    """The cells in the label column of those ``bad_rows`` that have the right number of cells."""
    if layout.label is None:
        return []
    index = layout.names.index(layout.label)
    return [row.cells()[index] for row in bad_rows if not row.problem]


def misspelled_label(bad_rows: Sequence[BadRow], layout: Layout) -> str:
    """The first label that is written as ``7.0`` or ``07``, if most are; else an empty text."""
    bad = (label for label in labels_of(bad_rows, layout) if not WHOLE_NUMBER.fullmatch(label))
    labels = [label for label in bad if MISSPELLED.fullmatch(label)]
    return labels[0] if 2 * len(labels) > len(bad_rows) else ""


def hint_for_few(bad_rows: Sequence[BadRow]) -> str:
    """What to do about the lines of bad rows if they are few."""
    return "remove these lines" if all(row.problem == HEADER_AGAIN for row in bad_rows) else "correct these lines"


def hint_for_many(bad_rows: Sequence[BadRow], layout: Layout) -> str:
    """What to do if so many rows are bad that the fault is in the file; ``bad_rows`` are the first of them."""
    pixels = set(range(len(layout.names))) - set(layout.text_columns)
    rows = [[row.cells()[index] for index in pixels] for row in bad_rows[:ROWS_JUDGED] if not row.problem]
    half = min(len(bad_rows), ROWS_JUDGED) / 2
    if sum(any(cell != cell.strip() for cell in row) for row in rows) > half:
        return "take off the blanks around the numbers: nothing else may stand between two commas"
    bad = [[cell for cell in row if cell not in PIXELS] for row in rows]
    if sum(any(cell.lower() in NO_VALUES for cell in cells) for cells in bad) > half:
        return "write a number in place of each missing value, such as 0 where there is no ink"
    few = len(pixels) // 100  # in so few pixels of a row the numbers are wrong, and not their scale
    if sum(sum(bool(NUMBER.fullmatch(cell)) for cell in cells) > few for cells in bad) > half:
        return hint_for_numbers(rows)
    return OTHER_LAYOUT


def hint_for_numbers(rows: Sequence[Sequence[str]]) -> str:
    """What to do if most of ``rows`` have a pixel that is a number, but none from 0 to 255 in plain digits."""
    cells = [cell for row in rows for cell in row if NUMBER.fullmatch(cell)]
    smallest, largest = min(map(float, cells)), max(map(float, cells))
    if smallest >= 0 and int(largest) in SIXTEEN_BITS:
        return "divide the pixels by 257 and round them to whole numbers"
    if smallest < 0 or largest > 255:
        return "scale the pixels to whole numbers from 0 to 255"
    if largest <= 1:
        return "multiply the pixels by 255 and round them to whole numbers"
    example = next(cell for cell in cells if cell not in PIXELS)
    return f"write the pixels as whole numbers: {round(float(example))} in place of {shortened(example)}"


def text_labels(bad_rows: Sequence[BadRow], layout: Layout) -> list[str]:
    """The distinct labels of ``bad_rows`` in file order, if most of them are texts and not numbers in some spelling."""
    labels = labels_of(bad_rows, layout)
    texts = [label for label in labels if TEXT.search(label) and label.lower() not in NO_VALUES]
    return list(dict.fromkeys(texts)) if 2 * len(texts) > len(bad_rows) else []
