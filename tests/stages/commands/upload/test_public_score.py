"""The public score is found in whatever list Kaggle's program prints, and nobody waits for ever."""

from __future__ import annotations

import pytest

from pipeline.errors import StageError
from stages.commands.upload.public_score import DELAYS, Outcome, find_outcome, wait_for_score

NAME = "submission-0123456789ab.csv"
HEADER = "ref,fileName,date,description,status,publicScore,privateScore\n"  # of version 2.2


def row(status: str = "SubmissionStatus.COMPLETE", score: str = "0.98932", name: str = NAME) -> str:
    return f'5,{name},2026-11-27 06:00:00,"a, ""b""\nand c",{status},{score},\n'


FOUND: dict[str, tuple[str, Outcome | None]] = {
    "of version 2.2": (HEADER + row(), Outcome(0.98932)),
    "of version 1.7": (
        f"fileName,date,description,status,publicScore,privateScore\n{NAME},2026-11-27,x,complete,0.98932,\n",
        Outcome(0.98932),
    ),
    "after warnings": (
        f"Warning: Looks like you're using an outdated `kaggle` version\nUsing competition: x\n{HEADER}{row()}",
        Outcome(0.98932),
    ),
    "with names in another style": (
        f"Public Score,file_name,extra,Status\n0.98932,{NAME},?,Complete\n",
        Outcome(0.98932),
    ),
    "without a status": (f"fileName,publicScore\n{NAME},0.98932\n", Outcome(0.98932)),
    "with another one before it": (
        HEADER + row(score="0.1", name="submission.csv") + row(),
        Outcome(0.98932),
    ),
    "the newest of several": (HEADER + row(score="0.9") + row(score="0.8"), Outcome(0.9)),
    "still pending": (HEADER + row("SubmissionStatus.PENDING", ""), None),
    "without a public score": (HEADER + row(score="None"), Outcome(None, "Kaggle shows no public score of it")),
    "not scored by Kaggle": (HEADER + row("error", ""), Outcome(None, "Kaggle could not score it", has_failed=True)),
    "not there yet": (HEADER + row(name="submission.csv"), None),
    "none at all": ("No submissions found\n", None),
    "with a row that is too short": (HEADER + "5,x\n" + row(), Outcome(0.98932)),
}


@pytest.mark.parametrize("case", FOUND)
def test_the_score_is_found_in_the_list(case: str) -> None:
    text, outcome = FOUND[case]
    assert find_outcome(text, NAME) == outcome


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file,score\nx,1\n",
        HEADER.replace("publicScore", "scorePublic") + row(),
        f'[{{"fileName": "{NAME}", "publicScore": "0.98932"}}]\n',
        HEADER + row(score="98.9 %"),
        HEADER + row(score="inf"),
    ],
)
def test_a_format_that_is_not_known_is_reported(text: str) -> None:
    outcome = find_outcome(text, NAME)
    assert outcome is not None
    assert outcome.problem.startswith("the list of submissions cannot be read: ")


def waited(*answers: str | StageError, delays: tuple[float, ...] = (1, 2, 4)) -> tuple[Outcome, list[float]]:
    """What came of waiting, and for how long it was waited each time."""
    paused: list[float] = []
    coming = iter(answers)

    def look() -> str:
        answer = next(coming)
        if isinstance(answer, StageError):
            raise answer
        return answer

    return wait_for_score(look, NAME, delays, paused.append), paused


def test_the_score_is_looked_for_until_it_is_there() -> None:
    outcome = waited(HEADER, HEADER + row("pending", ""), HEADER + row())
    assert outcome == (Outcome(0.98932), [1, 2, 4])
    assert waited(HEADER + row()) == (Outcome(0.98932), [1])


def test_a_failed_request_does_not_end_the_waiting() -> None:
    no_network = StageError("Kaggle cannot be reached", hint="")
    assert waited(no_network, no_network, HEADER + row()) == (Outcome(0.98932), [1, 2, 4])
    assert waited(no_network, no_network, no_network) == (Outcome(None, "Kaggle cannot be reached"), [1, 2, 4])
    assert waited(HEADER, HEADER, no_network)[0] == Outcome(None, "Kaggle cannot be reached")


def test_the_waiting_ends() -> None:
    assert waited(*[HEADER + row("pending", "")] * 3) == (Outcome(None, "Kaggle has not scored it yet"), [1, 2, 4])
    assert sum(DELAYS) == 300


def test_the_waiting_ends_at_once_if_no_score_can_come() -> None:
    assert waited(HEADER + row(score="")) == (Outcome(None, "Kaggle shows no public score of it"), [1])
    assert waited(HEADER + row("error", "")) == (Outcome(None, "Kaggle could not score it", has_failed=True), [1])
    outcome, paused = waited("a new format")
    assert outcome.score is None
    assert "cannot be read" in outcome.problem
    assert paused == [1]
