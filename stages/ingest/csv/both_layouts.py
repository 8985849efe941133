"""The layouts of the training and the test set, and what they must agree on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError, DataError
from stages.ingest.csv.header import NUMBERS, header_cells, looks_like_data, read_layout, require_no_header
from stages.ingest.csv.layout import Layout, layout_without_header, wrong_header
from stages.ingest.csv.streams import RawCsv
from stages.shared.messages import EXAMPLES, FileName, counted, shortened

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

MOST_LOST = 5  # columns; if a file lacks more, it is another competition's


def read_layouts(raw: dict[str, RawCsv], parameters: IngestParameters) -> dict[str, Layout]:
    """The layouts of both files: by their headers, or without headers by the number of cells in their first lines."""
    lines = {name: file.read_header() for name, file in raw.items()}
    cells = {name: header_cells(lines[name], file.name) for name, file in raw.items()}
    if parameters.has_header:
        require_header_in_both(cells["train"], raw["train"].name, cells["test"], raw["test"].name)
        layouts = {
            name: read_layout(lines[name], file.name, parameters, file.next_lines, is_training=name == "train")
            for name, file in raw.items()
        }
    else:
        layouts = {}
        labels = {"train": parameters.label, "test": None}
        for name, file in raw.items():
            require_no_header(cells[name], file.name, "leave out the setting ingest.has_header, or remove that line")
            layouts[name] = layout_without_header(len(cells[name]), file.name, labels[name])
            file.put_back(lines[name])
        require_one_column_more(layouts["train"], layouts["test"])
    require_agreement(layouts["train"], layouts["test"], parameters)
    return layouts


def require_header_in_both(
    train_cells: Sequence[str], train: FileName, test_cells: Sequence[str], test: FileName
) -> None:
    """Raise DataError if only one of the two files has a header."""
    if (train_lacks_it := looks_like_data(train_cells)) != looks_like_data(test_cells):
        without, with_one = (train, test) if train_lacks_it else (test, train)
        hint = f"give {without} a first line that names its columns, as {with_one} has; or remove that line from "
        hint += f"{with_one}, and set ingest.has_header = false"
        raise wrong_header(without, f"{NUMBERS}, and {with_one} has a header", hint)


def require_one_column_more(train: Layout, test: Layout) -> None:
    """Raise DataError if, of two files without headers, test has one column more than train, or as many."""
    n_train, n_test = len(train.names), len(test.names)
    if n_test == n_train + 1:
        raise swapped(train.file, test.file, f"{test.file} has one column more, as only the labels would be")
    if n_test == n_train:
        columns = counted(n_test, "column")
        raise DataError(
            f"{train.file} and {test.file} both have {columns}, and only {train.file} may have more than pixels",
            where=f"{test.file.path}, line 1",
            hint=f"remove the first column, labels or ids, from {test.file}, or put labels into {train.file}",
        )


def swapped(train: FileName, test: FileName, why: str) -> DataError:
    """The error for a training set in the test set's place."""
    return DataError(
        f"{train} and {test} are swapped: {why}",
        where=f"{test.path}, line 1",
        hint="give each the other's name, or swap ingest.train and ingest.test if they are set",
    )


def require_agreement(train: Layout, test: Layout, parameters: IngestParameters) -> None:
    """Train and test have the same pixels, train has a label column, and what is left out is in one of them.

    Raises
    ------
    ConfigError
        ``ingest.leave_out`` names a column that neither file has.
    DataError
        The two files do not fit together.
    """
    if unknown := set(parameters.leave_out) - {*train.names, *test.names}:
        raise ConfigError(
            f"neither {train.file} nor {test.file} has a column {shortened(min(unknown))!r}",
            where="ingest.leave_out",
            hint="remove the name from ingest.leave_out, or correct it",
        )
    if train.label is None and test.label is not None:
        raise swapped(train.file, test.file, f"the labels are in {test.file}")
    if train.label is None:
        named, columns = shortened(parameters.label), ", ".join(map(shortened, train.names[:3]))
        raise DataError(
            f"{train.file} has no label column {named!r}; its first columns are {columns}",
            where=f"{train.file.path}, line 1",
            hint=f"its header must have the column {named!r}; if it is called otherwise, set ingest.label to its name",
        )
    if train.pixels != test.pixels:
        a, b = len(train.pixels), len(test.pixels)
        first = next((pair for pair in zip(train.pixels, test.pixels, strict=False) if pair[0] != pair[1]), None)
        what = f"{a:,} and {counted(b, 'pixel')}"
        if a == b and first:
            what = f"pixels {shortened(first[0])!r} and {shortened(first[1])!r}"
        raise DataError(
            f"{train.file} and {test.file} do not belong together: their images have {what}",
            where=f"{test.file.path}, line 1",
            hint=f"{few_missing(train, test)}put the two files of one competition there",
        )


def few_missing(train: Layout, test: Layout) -> str:
    """The beginning of a hint that names the columns missing in one of two files; empty if they are many."""
    fewer, more = sorted((train, test), key=lambda layout: len(layout.pixels))
    lost = [name for name in more.pixels if name not in fewer.pixels]
    if not 0 < len(lost) <= MOST_LOST or len(more.pixels) - len(fewer.pixels) != len(lost):
        return ""
    columns, are = ("the columns", "are") if len(lost) > 1 else ("the column", "is")
    return f"perhaps {columns} {', '.join(map(shortened, lost))} {are} missing in {fewer.file}: download it again; or "


def unused_columns(train: Layout, test: Layout) -> Iterator[str]:
    """Warnings about columns that are not used, though the settings do not leave them out."""
    for layout in (train, test):
        for name in layout.row_numbers[:EXAMPLES]:
            named = f"column {shortened(name)!r}" if name else "the column without a name"
            yield f"{layout.file}: {named} is ignored, as the row numbers that pandas or R leave there"
    if test.label is not None:
        yield f"{test.file} has labels, in column {shortened(test.label)!r}: they are not used"
