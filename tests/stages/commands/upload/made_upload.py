"""Calls of `pipeline upload`, and what Kaggle's program answers."""

from __future__ import annotations

import json
from pathlib import Path

from calling import call
from click.testing import Result
from made_kaggle import answer

from pipeline.fingerprint.digest_files import file_digest

QUICK = ("--set", "train.epochs=2", "--set", "train.hidden=[16]", "--set", "train.replicas=1")
SENT = answer("Submission ref: 12345\n4 submissions remaining today.\nSuccessfully submitted to Digit Recognizer")
HEADER = "ref,fileName,date,description,status,publicScore,privateScore\n"


def run_upload(
    project: Path,
    *words: str,
    code: int = 0,
    message: str = "more epochs",
    yes: bool = True,
    competition: str = "digit-recognizer",
) -> Result:
    options = ["--yes"] if yes else []
    named = [] if "--competition" in words or not competition else ["--competition", competition]
    return call("upload", project, "-m", message, *options, *named, *words, code=code)


def sent_name(project: Path) -> str:
    return f"submission-{file_digest(project / 'artifacts/submit/submission.csv')[:12]}.csv"


def listing(project: Path, score: str = "0.98932", status: str = "SubmissionStatus.COMPLETE") -> dict[str, object]:
    return answer(f"{HEADER}12345,{sent_name(project)},2026-11-27 06:00:00,more epochs,{status},{score},\n")


def logged(project: Path) -> list[dict[str, object]]:
    path = project / "artifacts/scores.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
