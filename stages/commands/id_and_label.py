"""Submissions and answers: CSV files with an id and a label in each row, read as texts."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from zipfile import is_zipfile

from pipeline.errors import DataError
from pipeline.task import Source
from stages.ingest.csv.header import header_cells
from stages.ingest.csv.ids import require_distinct
from stages.ingest.csv.streams import no_rows, open_raw
from stages.shared.messages import FileName, counted, shortened

Choose = Callable[[FileName, Sequence[str]], Sequence[int]]  # the header's names -> which columns are read


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

    Raises
    ------
    DataError
        It is no CSV of two columns with at least one row, a label is blank, or an id occurs twice.
    """

    def both(file: FileName, names: Sequence[str]) -> Sequence[int]:
        if len(names) != 2:
            what = f"{file} has {counted(len(names), 'column')}, and a submission has two: id and label"
            raise DataError(what, where=f"{file.path}, line 1", hint="name another file")
        return (0, 1)

    file, (id_name, label_name), (ids, labels) = read_columns(path, both, shown)
    require_labels(labels, file, label_name)
    require_distinct(ids, file)
    return Submission(file, id_name, label_name, ids, labels)


def require_labels(labels: Sequence[str], file: FileName, column: str) -> None:
    """Raise DataError if a label is blank; the message shows the line of the first one."""
    if "" in labels:
        line = labels.index("") + 2  # the header is line 1
        what = f"{file} has a row without a label" + f", and {labels.count('') - 1:,} more" * (labels.count("") > 1)
        where = f"{file.path}, line {line:,}, column {shortened(column)}"
        raise DataError(what, where=where, hint="write its label, or name a file that has all labels")


def read_columns(path: Path, choose: Choose, shown: str = "") -> tuple[FileName, list[str], list[list[str]]]:
    """Read the columns of a CSV or .csv.gz that ``choose`` picks by the header: the file, their names, and their cells.

    Cells are stripped of blanks. Messages show the path as ``shown``, if that is given.

    Raises
    ------
    DataError
        The file is no such table, has no rows, or a row has another number of cells than the header.
    """
    if is_zipfile(path):
        raise DataError(f"{path.name} is a zip", where=shown or str(path), hint="unpack it, and name the CSV in it")
    with open_raw(Source("columns", path)) as raw:
        raw.name = FileName(raw.name.name, shown or raw.name.path)
        names = header_cells(raw.read_header(), raw.name)
        chosen = choose(raw.name, names)
        columns: list[list[str]] = [[] for _ in chosen]
        first_line = raw.first_line
        for block in raw.blocks():
            n_before = len(columns[0])
            try:
                for cells in csv.reader(StringIO(block.decode("utf-8"), newline=""), strict=True):
                    if len(cells) != len(names):
                        what = f"has {counted(len(cells), 'cell')}, and the header has {len(names):,}"
                        raise wrong_row(raw.name, first_line + len(columns[0]), what)
                    for column, index in zip(columns, chosen, strict=True):
                        column.append(cells[index].strip())
            except UnicodeDecodeError as error:
                line = first_line + n_before + block.count(b"\n", 0, error.start)
                raise wrong_row(raw.name, line, "is not UTF-8 text") from error
            except csv.Error as error:
                raise wrong_row(raw.name, first_line + len(columns[0]), f"cannot be read: {error}") from error
    if not columns[0]:
        raise no_rows(raw.name, hint="check the file")
    return raw.name, [names[index] for index in chosen], columns


def wrong_row(file: FileName, line: int, what: str) -> DataError:
    """The error for a row that is not like the header."""
    return DataError(f"a row of {file} {shortened(what, 200)}", where=f"{file.path}, line {line:,}", hint="correct it")
