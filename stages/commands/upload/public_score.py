"""The public score of a submission: found in the list that Kaggle's program prints, once Kaggle has it."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO

from pipeline.errors import PipelineError

# Seconds before each look at the list, five minutes in all. Most competitions score within one.
DELAYS = (3, 5, 7, 10, 15, 20, 30, 30, 60, 60, 60)
NOTHING_YET = "No submissions found"
NOT_A_LETTER = re.compile("[^a-z]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The public score, or why there is none; ``has_failed`` where Kaggle could not score the submission."""

    score: float | None
    problem: str = ""
    has_failed: bool = False


def wait_for_score(
    look: Callable[[], str], name: str, delays: Sequence[float], pause: Callable[[float], None]
) -> Outcome:
    """Look for the score of the file called ``name``, after each of some delays in seconds, until Kaggle has it.

    ``look`` asks for the list. No failure at Kaggle is raised: the submission has already been sent.
    """
    problem = ""
    for delay in delays:
        pause(delay)
        try:
            if outcome := find_outcome(look(), name):
                return outcome
            problem = "Kaggle has not scored it yet"
        except PipelineError as error:  # the network may be back at the next look
            problem = error.what
    return Outcome(None, problem)


def find_outcome(text: str, name: str) -> Outcome | None:
    """Find the newest submission of the file called ``name`` in a list, which is CSV; None if Kaggle has not scored it.

    Versions 1.6 to 2.2 print ``fileName,date,description,status,publicScore,privateScore``, since 2.0 with ``ref``
    before it. Other columns, their order, and lines before the header make no difference.
    """
    if NOTHING_YET in text:
        return None
    rows = iter(list(csv.reader(StringIO(text))))
    for cells in rows:
        columns = {NOT_A_LETTER.sub("", cell.casefold()): index for index, cell in enumerate(cells)}
        if {"filename", "publicscore"} <= columns.keys():
            break
    else:
        return unreadable("it has no columns fileName and publicScore")
    for cells in rows:
        row = {column: cells[index].strip() for column, index in columns.items() if index < len(cells)}
        if row.get("filename") == name:
            status = row.get("status", "").casefold().rpartition(".")[2]  # complete, or SubmissionStatus.COMPLETE
            score = row.get("publicscore", "")
            if status == "error":
                return Outcome(None, "Kaggle could not score it", has_failed=True)
            if score.casefold() in {"", "none", "null", "nan"}:
                return Outcome(None, "Kaggle shows no public score of it") if status == "complete" else None
            try:
                value = float(score)
            except ValueError:
                value = math.nan
            return Outcome(value) if math.isfinite(value) else unreadable(f"the score is {score[:40]!r}")
    return None


def unreadable(problem: str) -> Outcome:
    """The outcome where the list has a format that is not known here."""
    return Outcome(None, f"the list of submissions cannot be read: {problem}")
