"""A competition at Kaggle, to which Kaggle's own program sends a submission, and from which it lists all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError, StageError
from stages.commands.kaggle_program import SITE, call, last_lines, refusal, require_competition

# Printed once Kaggle has the file: by Kaggle itself, and by its program since 2.0. Exit code 0 does not prove it.
SENT = re.compile(r"(?i)successfully submitted|submitted successfully|submission ref\b")
UPLOAD_SECONDS, LIST_SECONDS = 300.0, 60.0  # that Kaggle's program may take


@dataclass(frozen=True, slots=True)
class Destination:
    """A competition, by its name in the address, and where Kaggle's program is."""

    name: str
    program: str

    @property
    def page(self) -> str:
        """The address of the person's submissions."""
        return f"{SITE}/competitions/{self.name}/submissions"

    def send(self, path: Path, message: str) -> None:
        """Let Kaggle's program send a file; StageError if it refuses, or did not say that it has sent the file."""
        hint = f"see whether it has arrived, {self.page}, before you try again"
        words = ["competitions", "submit", self.name, "-f", str(path), "-m", message]
        answer = call(self.program, words, seconds=UPLOAD_SECONDS, hint=hint)
        if not answer.is_done:
            raise refusal(self.name, answer, asked="the submission", did="did not send it", hint=hint)
        if not SENT.search(answer.said):
            raise StageError(
                "it cannot be told whether Kaggle has the submission: its program ended without saying so",
                where=last_lines(answer.said),
                hint=hint,
            )

    def list(self) -> str:
        """Ask Kaggle's program for the list of submissions as CSV; raises StageError if it gives none in time."""
        answer = call(self.program, ["competitions", "submissions", self.name, "--csv"], seconds=LIST_SECONDS)
        if not answer.is_done:
            raise refusal(self.name, answer, asked="the list of submissions", did="listed nothing")
        return answer.text


def require_valid_options(competition: str | None, message: str) -> None:
    """Raise ConfigError if ``competition`` cannot be a name, or Kaggle's program would misread ``message``."""
    if competition is not None:
        require_competition(competition)
    if not message.strip():
        raise ConfigError("the message is empty", hint="say what is new in this submission: -m 'more epochs'")
    if message.startswith("-"):
        raise ConfigError(
            f"the message begins with '-', and Kaggle's program would take it for an option: {message}",
            hint="begin it with a letter",
        )
