"""Submissions and answers: CSV files with an id and a label in each row, read as texts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from zipfile import is_zipfile

from pipeline.errors import DataError
from pipeline.task import Source
from stages.ingest.csv.header import header_cells
from stages.ingest.csv.open_raw import open_raw
from stages.ingest.csv.streams import RawCsv, no_rows
from stages.ingest.submission_format import require_distinct
from stages.shared.messages import FileName, counted, shortened


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission: the header of its two columns, and the id and the label in each row."""

    file: FileName
    id_name: str
    label_name: str
    ids: list[str]
    labels: list[str]


def read_submission(path: Path, shown: str = "") -> Submission:
    """Read a submission; messages show the path as ``shown``, if that is given.
    Raises DataError if it is no CSV of two columns with at least one row, a label is blank, or an id occurs twice.
    """
    with open_csv(path, shown) as (raw, names):
        file = raw.name
        if len(names) != 2:
            what = f"{file} has {counted(len(names), 'column')}, and a submission has two: id and label"
            raise DataError(what, where=f"{file.path}, line 1", hint="name another file")
        ids, labels = read_columns(raw, len(names), [0, 1])
    require_labels(labels, file, names[1])
    require_distinct(ids, file)
    return Submission(file, names[0], names[1], ids, labels)


def require_labels(labels: Sequence[str], file: FileName, column: str) -> None:
    """Raise DataError if a label is blank; the message shows the line of the first one."""
    if "" in labels:
        line = labels.index("") + 2  # the header is line 1
        what = f"{file} has a row without a label" + f", and {labels.count('') - 1:,} more" * (labels.count("") > 1)
        where = f"{file.path}, line {line:,}, column {shortened(column)}"
        raise DataError(what, where=where, hint="write its label, or name a file that has all labels")


@contextmanager
def open_csv(path: Path, shown: str = "") -> Iterator[tuple[RawCsv, list[str]]]:
    """Open a CSV or .csv.gz, and read the names in its header; messages show the path as ``shown``, if that is given.
    Raises DataError if it is no such table.
    """
    if is_zipfile(path):
        raise DataError(f"{path.name} is a zip", where=shown or str(path), hint="unpack it, and name the CSV in it")
    with open_raw(Source("columns", path)) as raw:
        raw.name = FileName(raw.name.name, shown or raw.name.path)
        yield raw, header_cells(raw.read_header(), raw.name)


def read_columns(raw: RawCsv, n_columns: int, chosen: Sequence[int]) -> list[list[str]]:
    """Read the cells of the ``chosen`` of ``n_columns`` columns, below the header, and strip them of blanks.

    Raises DataError if the file is damaged, has no rows, or has a row of another number of cells than the header.
    """
    columns: list[list[str]] = [[] for _ in chosen]
    first_line = raw.first_line
    for block in raw.blocks():
        n_before = len(columns[0])
        try:
            for cells in csv.reader(StringIO(block.decode("utf-8"), newline=""), strict=True):
                if len(cells) != n_columns:
                    what = f"has {counted(len(cells), 'cell')}, and the header has {n_columns:,}"
                    raise wrong_row(raw.name, first_line + len(columns[0]), what)
                for column, index in zip(columns, chosen, strict=True):
                    column.append(cells[index].strip())
        except UnicodeDecodeError as error:
            line = first_line + n_before + block.count(b"\n", 0, error.start)
            raise wrong_row(raw.name, line, "is not UTF-8 text") from error
        except csv.Error as error:
            what = "has quotation marks that do not pair, or an endless cell"
            raise wrong_row(raw.name, first_line + len(columns[0]), what) from error
    if not columns[0]:
        raise no_rows(raw.name, hint="check the file")
    return columns


def wrong_row(file: FileName, line: int, what: str) -> DataError:
    """The error for a row that is not like the header."""
    return DataError(f"a row of {file} {what}", where=f"{file.path}, line {line:,}", hint="correct it")
