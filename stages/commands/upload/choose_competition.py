"""The Kaggle competition that a submission is for, found from the data unless --competition names it."""

from __future__ import annotations

import re
from pathlib import PurePath

from pipeline.errors import StageError
from stages import SUBMISSION
from stages.commands.data_sets import DATA_SETS
from stages.commands.kaggle_program import NAME
from stages.commands.upload.submission_checks import Checked
from stages.shared.messages import counted

DIGIT_RECOGNIZER = "digit-recognizer"
TEST_ROWS = 28_000  # of Digit Recognizer, with ids from 1
SECOND_COPY = re.compile(r" ?\(\d+\)$")  # how browsers name a second download
NAME_IT = "--competition NAME says which competition it is for"


def competition_of(checked: Checked) -> str:
    """The name of the zip in data/ that the data came from, and digit-recognizer for data in any other form.

    Raises StageError if the data is a public set, which is no competition.
    """
    origin = PurePath(checked.origin)
    name = SECOND_COPY.sub("", origin.stem)
    if origin.parts[:-1] != ("data",) or origin.suffix.lower() != ".zip" or not NAME.fullmatch(name):
        return DIGIT_RECOGNIZER
    if name.lower() in DATA_SETS:
        raise StageError(
            f"the data is the public set {name}, which is no competition at Kaggle",
            where=checked.origin,
            hint=f"pipeline score --answers data/answers/{name.lower()}.csv compares with its right labels; {NAME_IT}",
        )
    return name


def require_matching_test_set(competition: str, checked: Checked) -> None:
    """Raise StageError if a submission for Digit Recognizer does not have a row for each of its test images."""
    if competition != DIGIT_RECOGNIZER or (checked.n_rows == TEST_ROWS and checked.is_counted):
        return
    has = counted(checked.n_rows, "row") if checked.n_rows != TEST_ROWS else "ids that do not count from 1"
    raise StageError(
        f"the submission is not for {competition}: it has {has}",
        where=f"artifacts/{SUBMISSION}, of {checked.origin}",
        hint=f"that competition has {TEST_ROWS:,} test images, with ids from 1; {NAME_IT}; --force sends it here",
    )
