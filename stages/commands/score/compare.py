"""Read the right labels of a submission's rows, and compare the submission with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import ConfigError, DataError, first_few
from pipeline.planning.current_result import Current
from pipeline.printable_text import readable
from stages.commands.id_and_label import Submission, open_csv, read_columns, require_labels
from stages.commands.stale_result import is_of_sample
from stages.evaluate.metrics import count_confusion, wilson_interval
from stages.ingest.csv.labels import WHOLE_NUMBER
from stages.ingest.submission_format import require_distinct
from stages.sample import SAMPLE_FOLDER
from stages.shared.arrays import Indices
from stages.shared.messages import FileName, counted, shortened

LABEL = "label"
NAME_ANSWERS = (
    "--answers FILE names the right labels of the test set; pipeline fetch mnist brings some in data/answers/"
)
MOST_OF_ONE_LABEL = 100  # rows; if all rows of a longer file have one label, it is a sample submission
EXAMPLES = 5
PIXEL = re.compile(r"(?P<prefix>\D*)\d+(?:\D\d+)?")  # pixel0, 1x1, pixel_0_0
MOST_COLUMNS = 20  # that are searched for the ids


@dataclass(frozen=True, slots=True)
class Answers:
    """The right label of each row of a submission. ``id_name`` is the column that matches them, None if in order."""

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
    """The result of a comparison; ``confusion`` is (n_classes, n_classes): actual, predicted."""

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


def find_answers(result: Current | None) -> Path:
    """The answers to the test set that a result is about: a file if that is the bundled sample's.

    Raises ConfigError if it is of other data, whose answers --answers must name.
    """
    if result and is_of_sample(result):
        return SAMPLE_FOLDER / "answers.csv.gz"
    raise ConfigError("missing option '--answers'", hint=NAME_ANSWERS)


def require_different_files(submission: Path, name: str, answers: Path) -> None:
    """Raise DataError if the answers are the submission file ``name`` itself: every row would seem to be right.

    A copy of it is accepted: the file of a perfect submission has the same content.
    """
    if submission.samefile(answers):
        what = "the answers are the submission itself, so nothing would be compared"
        named = list(dict.fromkeys([readable(str(answers)), name]))
        raise DataError(what, where=named, hint=NAME_ANSWERS)


def read_answers(path: Path, submission: Submission) -> Answers:
    """Read the right labels of a submission's rows.

    The label column has the name of the submission's, or is called ``label``. Otherwise it is the only column, or the
    last of two, that does not have the name of the submission's ids. The id column has that name, or is the other one
    of two, or holds these ids. Names are compared without case. Without an id column, the labels must be in the order
    of the submission's rows.

    Raises
    ------
    DataError
        There is no label column or a blank label; no column has the submission's ids; or the ids or the number of
        rows are not the submission's.
    """
    with open_csv(path) as (raw, names):
        file, label = raw.name, label_column(names, submission, raw.name)
        others, id_name = [index for index in range(len(names)) if index != label], submission.id_name.casefold()
        named = [index for index in others if names[index].casefold() == id_name or len(names) == 2]
        candidates = named or [index for index in not_pixels(names) if index != label][:MOST_COLUMNS]
        labels, *columns = read_columns(raw, len(names), [label, *candidates])
    require_labels(labels, file, names[label])
    if not columns:
        if len(labels) != len(submission.ids):
            raise DataError(
                f"{file} has {counted(len(labels), 'row')}, and {submission.file} has {len(submission.ids):,}",
                where=file.path,
                hint=f"without a column '{shortened(submission.id_name)}', there must be a label for each row, "
                "below a line with the column's name",
            )
        return Answers(file, labels, None)
    at = 0 if named else find_ids(submission, columns, [names[index] for index in candidates], file)
    ids = columns[at]
    require_distinct(ids, file)
    label_of = dict(zip(ids, labels, strict=True))
    require_same_ids(submission, ids, file, names[candidates[at]])
    return Answers(file, [label_of[each] for each in submission.ids], names[candidates[at]])


def label_column(names: Sequence[str], submission: Submission, file: FileName) -> int:
    """Which column has the right labels, as ``read_answers`` says; DataError if none does."""
    known = [name.casefold() for name in names]
    for name in (submission.label_name.casefold(), LABEL):
        if name in known:
            return known.index(name)
    others = [index for index, name in enumerate(known) if name != submission.id_name.casefold()]
    if others and len(names) <= 2:
        return others[-1]
    what = f"{file} has no column '{shortened(submission.label_name)}' or '{LABEL}'"
    where = f"{file.path}, line 1: {first_few([shortened(name) for name in names], EXAMPLES)}"
    raise DataError(what, where=where, hint="give the column with the right labels one of these names")


def not_pixels(names: Sequence[str]) -> list[int]:
    """Which columns are not pixels. Pixels are several names of one prefix and a number, or a row and a column."""
    kinds = [PIXEL.fullmatch(name) for name in names]
    prefixes = Counter(kind["prefix"] for kind in kinds if kind)
    return [index for index, kind in enumerate(kinds) if not kind or prefixes[kind["prefix"]] == 1]


def find_ids(submission: Submission, columns: Sequence[Sequence[str]], names: Sequence[str], file: FileName) -> int:
    """Which of the columns holds the submission's ids; DataError if none does, or several do in different orders."""
    ids, hint = sorted(submission.ids), f"call the column with the ids '{shortened(submission.id_name)}'"
    found = [index for index, column in enumerate(columns) if sorted(column) == ids]
    shown = first_few([f"'{shortened(name)}'" for name in names], EXAMPLES)
    if not found:
        what = f"no column of {file} has the ids of {submission.file}"
        where = [f"{file.path}: {shown}", f"{submission.file.path}: {first_few(submission.ids, EXAMPLES)}"]
        hint += "; if the rows are in the submission's order, leave the labels alone in the file"
        raise DataError(what, where=where, hint=hint)
    if any(columns[index] != columns[found[0]] for index in found):
        what = f"{counted(len(found), 'column')} of {file} have the ids of {submission.file}, in different orders"
        raise DataError(what, where=f"{file.path}: {shown}", hint=hint)
    return found[0]


def require_same_ids(submission: Submission, ids: Sequence[str], file: FileName, id_name: str) -> None:
    """Raise DataError unless the answers have the same ids as the submission; ``id_name`` is their column's name."""
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
        what, hint = f"the ids of {file} are not those of {submission.file}", "name the answers to the same test set"
        if theirs ^ ours <= {id_name, submission.id_name}:  # a first row was read as the header
            hint = "begin both files with a line of column names, such as ImageId,Label"
        raise DataError(what, where=places, hint=hint)


def compare(submission: Submission, answers: Answers) -> Result:
    """Compare the labels of a submission with the right ones.

    Raises DataError if only one of them has whole numbers as labels, or if both have several classes, none in common.
    """
    both = (answers, submission)
    kinds = [{bool(WHOLE_NUMBER.fullmatch(label)) for label in each.labels} for each in both]
    is_written_otherwise = {False} in kinds and {True} in kinds
    theirs, ours = set(answers.labels), set(submission.labels)
    if is_written_otherwise or (theirs.isdisjoint(ours) and len(theirs) > 1 and len(ours) > 1):
        different = "written otherwise than" if is_written_otherwise else "all others than"
        raise DataError(
            f"the labels in {answers.file} are {different} those in {submission.file}",
            where=[
                f"{each.file.path}: {first_few([shortened(label) for label in in_order(set(each.labels))], EXAMPLES)}"
                for each in both
            ],
            hint="write them in the same way" if is_written_otherwise else "name the answers to the same test set",
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


def like_sample_submission(answers: Answers, result: Result) -> str:
    """Say that the answers may be a sample submission, whose rows all have one label; an empty text if they are not."""
    n_labels = np.count_nonzero(result.confusion.sum(axis=1))
    if n_labels > 1 or not result.wrong or result.n_rows <= MOST_OF_ONE_LABEL:
        return ""
    label = shortened(answers.labels[0])
    return f"every row of {answers.file} has the label '{label}', as in a sample submission: the accuracy is not kept"


def unknown_labels(submission: Submission, result: Result) -> str:
    """Say which right labels no row of the submission has; an empty text if each of them has one."""
    known = set(submission.labels)
    unknown = [each.label for each in result.wrong if each.label not in known]
    has = counted(len(unknown), "row has", "rows have")
    named = first_few([shortened(label) for label in dict.fromkeys(unknown)], EXAMPLES)
    return f"{has} a right label that no row of {submission.file} has: {named}" if unknown else ""


def in_order(labels: set[str]) -> list[str]:
    """Labels sorted: as numbers if all are whole numbers, else as texts."""
    if all(map(WHOLE_NUMBER.fullmatch, labels)):
        return sorted(labels, key=int)
    return sorted(labels)
