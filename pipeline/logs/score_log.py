"""The log of scores, by answers that no stage knows. A score belongs to the bytes of its file."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from pipeline.figures import SHARE, Figure
from pipeline.logs.line_log import Entries, LineLog

FILE_NAME = "scores.jsonl"


@dataclass(frozen=True, slots=True)
class Score:
    """One score of one file.

    Attributes
    ----------
    digest : the SHA-256 of the file's bytes
    name : what was measured, such as accuracy
    value : None until it is known, for a file that was sent to be scored
    interval : the 95 % interval, if it is known
    rows : how many rows were scored, if it is known
    how : by which answers, or by whom
    when : in UTC
    run, result : the run that made the file, and the name of the stored result; None and "" for any other file

    A new field needs a default. Lines of earlier versions do not have it: without a default they would be skipped.
    """

    digest: str
    name: str
    value: float | None
    interval: tuple[float, float] | None
    rows: int | None
    how: str
    when: str
    run: int | None
    result: str

    @property
    def figure(self) -> Figure:
        """The value as a person reads it: a share in percent."""
        return Figure(self.value, SHARE if self.value is not None and 0 <= self.value <= 1 else "")


LOG = LineLog(FILE_NAME, "score", msgspec.json.Decoder(Score))


def read_scores(folder: Path) -> Entries[Score]:
    """Read the log of scores."""
    return LOG.read(folder)


def append_score(folder: Path, score: Score) -> None:
    """Add a score to the log. Raises StoreError if it cannot be written, ValueError for a value that is not finite."""
    if score.value is not None and not math.isfinite(score.value):
        raise ValueError(f"a score cannot be {score.value}")
    LOG.append(folder, asdict(score))
