"""The right labels of a submission's rows, and how well the submission does by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import DataError, first_few
from stages.commands.id_and_label import Submission, read_columns
from stages.evaluate.metrics import count_confusion, wilson_interval
from stages.ingest.csv.ids import require_distinct
from stages.ingest.csv.labels import WHOLE_NUMBER
from stages.shared.arrays import Indices
from stages.shared.messages import FileName, counted, shortened

LABEL = "label"
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Answers:
    """The right label of each row of a submission, in its order; ``id_name`` is None where they came in that order."""

    file: FileName
    labels: list[str]
    id_name: str | None


@dataclass(frozen=True, slots=True)
class Wrong:
    """A row of a submission that is wrong: its number from 0, its id, the right label and the predicted one."""

    row: int
    id: str
    label: str
    predicted: str


@dataclass(frozen=True, slots=True)
class Result:
    """How well a submission does; ``confusion`` is (n_classes, n_classes): actual, predicted."""

    n_rows: int
    classes: tuple[str, ...]
    confusion: Indices
    wrong: tuple[Wrong, ...]

    @property
    def accuracy(self) -> float:
        return (self.n_rows - len(self.wrong)) / self.n_rows

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return wilson_interval(self.n_rows - len(self.wrong), self.n_rows)


def read_answers(path: Path, submission: Submission) -> Answers:
    """Read the right labels of a submission's rows.

    The label column is called as the submission's, or ``label``, or is the last of two, or the only one. The id column
    is called as the submission's, or is the other one of two. Capitals make no difference. Without an id column, the
    labels stand in the order of the submission's rows.

    Raises
    ------
    DataError
        There is no label column, or the ids or the number of rows are not the submission's.
    """

    def choose(file: FileName, names: Sequence[str]) -> Sequence[int]:
        known = [name.casefold() for name in names]
        label = next((known.index(each) for each in (submission.label_name.casefold(), LABEL) if each in known), None)
        if label is None and len(names) <= 2:
            label = len(names) - 1
        if label is None:
            what = f"{file} has no column '{shortened(submission.label_name)}' or '{LABEL}'"
            where = f"{file.path}, line 1: {first_few([shortened(name) for name in names], EXAMPLES)}"
            raise DataError(what, where=where, hint="give the column with the right labels one of these names")
        id_name = submission.id_name.casefold()
        ids = known.index(id_name) if id_name in known else 1 - label if len(names) == 2 else None
        return [label] if ids is None or ids == label else [label, ids]

    file, names, columns = read_columns(path, choose)
    labels = columns[0]
    if len(columns) == 1:
        if len(labels) != len(submission.ids):
            raise DataError(
                f"{file} has {counted(len(labels), 'row')}, and {submission.file} has {len(submission.ids):,}",
                where=file.path,
                hint=f"without a column '{shortened(submission.id_name)}', there must be a label for each row, "
                "below a line with the column's name",
            )
        return Answers(file, labels, None)
    ids = columns[1]
    require_distinct(ids, file)
    label_of = dict(zip(ids, labels, strict=True))
    require_same_ids(submission, ids, file)
    return Answers(file, [label_of[each] for each in submission.ids], names[1])


def require_same_ids(submission: Submission, ids: Sequence[str], file: FileName) -> None:
    """The answers have the submission's ids, all of them and no others.

    Raises
    ------
    DataError
        They do not.
    """
    theirs, ours = set(ids), set(submission.ids)
    places = [
        f"{counted(len(only), 'id')} only in {name}: {first_few([shortened(each) for each in only], EXAMPLES)}"
        for only, name in (
            ([each for each in submission.ids if each not in theirs], submission.file.path),
            ([each for each in ids if each not in ours], file.path),
        )
        if only
    ]
    if places:
        what = f"the ids of {file} are not those of {submission.file}"
        raise DataError(what, where=places, hint="name the answers to the same test set")


def compare(submission: Submission, answers: Answers) -> Result:
    """Count how often each label was predicted as each.

    Raises
    ------
    DataError
        No label is a whole number in one of the files, and all are in the other: they mean the same by other words.
    """
    both = (answers, submission)
    kinds = [{bool(WHOLE_NUMBER.fullmatch(label)) for label in each.labels} for each in both]
    if {False} in kinds and {True} in kinds:
        raise DataError(
            f"the labels in {answers.file} are written otherwise than those in {submission.file}",
            where=[
                f"{each.file.path}: {first_few([shortened(label) for label in in_order(set(each.labels))], EXAMPLES)}"
                for each in both
            ],
            hint="write them in the same way",
        )
    classes = in_order({*submission.labels, *answers.labels})
    index_of = {label: index for index, label in enumerate(classes)}
    actual, predicted = (np.array([index_of[label] for label in each.labels]) for each in both)
    wrong = np.flatnonzero(actual != predicted).tolist()
    return Result(
        n_rows=len(submission.ids),
        classes=tuple(classes),
        confusion=count_confusion(actual, predicted, len(classes)),
        wrong=tuple(Wrong(row, submission.ids[row], answers.labels[row], submission.labels[row]) for row in wrong),
    )


def in_order(labels: set[str]) -> list[str]:
    """Labels in their order: as numbers if all of them are, else as texts."""
    if all(map(WHOLE_NUMBER.fullmatch, labels)):
        return sorted(labels, key=int)
    return sorted(labels)
