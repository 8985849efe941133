"""The classes of the training rows: there must be two at least, and none with too few rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from stages.ingest.csv_to_table import FileContents
from stages.ingest.profile import ClassCount
from stages.shared.messages import EXAMPLES, counted, shortened

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters


def require_classes(train: FileContents, parameters: IngestParameters) -> None:
    """Raise DataError if there is only one class, or a class has fewer rows than the settings demand."""
    file, classes = train.layout.file, train.summary.class_counts()
    if len(classes) < 2:
        what = f"every row of {file} has the label {quoted(classes[0])}" if classes else f"{file} has no valid row"
        hint = "add rows of other classes"
        if not parameters.has_header:
            hint += "; without a header the labels are the first column: "
            hint += "if they stand elsewhere, give both files a header"
        raise DataError(f"{what}: there is nothing to tell apart", where=file.path, hint=hint)
    if few := [each for each in classes if each.rows < parameters.min_rows_per_class]:
        shown = [f"label {quoted(each)} in {lines_of(each, train)}" for each in few[:EXAMPLES]]
        if len(few) > EXAMPLES:
            shown.append(f"and {counted(len(few) - EXAMPLES, 'more class', 'more classes')}")
        least = min(each.rows for each in few)
        list_classes = "if you list the right labels in ingest.classes, a run names every row that has another one; "
        undivided = ", split.validation = 0 and train.folds = 5" if least == 1 else ""  # a single row cannot be divided
        has, fewest = "has" if len(few) == 1 else "have", parameters.min_rows_per_class
        raise DataError(
            f"{len(few)} of the {len(classes)} classes {has} fewer than {counted(fewest, 'row')}, "
            "too few for training and validation",
            where=[f"{file.path}, column {shortened(train.layout.label or '')}", *shown],
            hint="correct the label if it is wrong, or else add rows of the class or remove its rows; "
            f"{list_classes if parameters.classes is None else ''}"
            f"to go on all the same, set ingest.min_rows_per_class = {least}{undivided}",
        )


def quoted(each: ClassCount) -> str:
    """A class's label as messages show it."""
    return shortened(repr(each.label))


def lines_of(each: ClassCount, train: FileContents) -> str:
    """``line 13``, or ``lines 3, 7, 8, 9, 11 and 2 more``: where the rows of a class stand in the file."""
    lines = train.lines_labelled(each.label, EXAMPLES)
    more = f" and {each.rows - len(lines):,} more" if each.rows > len(lines) else ""
    return f"line{'s' * (each.rows > 1)} {', '.join(map(str, lines))}{more}"


def classes_without_rows(train: FileContents, parameters: IngestParameters) -> Iterator[str]:
    """Warn of configured classes without a training row: they cannot be learned."""
    if unseen := set(parameters.classes or ()) - set(train.summary.n_of_class):
        shown = ", ".join(shortened(label) for label in sorted(map(repr, unseen))[:EXAMPLES])
        verbs = "has no training row and is" if len(unseen) == 1 else "have no training row and are"
        yield f"{len(unseen)} of ingest.classes {verbs} left out: {shown}"
