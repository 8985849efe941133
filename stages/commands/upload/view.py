"""What an upload prints: before it what will be sent, and after it the public score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.figures import percent
from pipeline.terminal import output
from pipeline.terminal.commands_as_typed import as_typed
from pipeline.terminal.history_view import settings_of
from stages import SUBMISSION

if TYPE_CHECKING:
    from stages.commands.upload.public_score import Outcome
    from stages.commands.upload.send_to_kaggle import Destination
    from stages.commands.upload.submission_checks import Checked, Validation


def preview(checked: Checked, there: Destination, message: str) -> list[str]:
    """What will be sent, from which run, and how well it should do, a line each."""
    run, validation = checked.file.run, checked.validation
    made = f"run {run.id} of {run.started} ({settings_of(run)})" if run else "a run that the log no longer has"
    expected = f"not known; {as_typed('pipeline run evaluate')} measures it"
    if validation:
        expected = f"{percent(validation.accuracy)}, {validation.interval_text}, on {validation.n_rows:,} rows"
    return [
        f"what:       artifacts/{SUBMISSION}, {checked.n_rows:,} rows, sha256 {checked.file.digest[:12]}",
        f"made by:    {made}",
        f"validation: {expected}",
        f"to:         {there.name}, as {checked.path.name}",
        f"message:    {message}",
    ]


def tell_outcome(outcome: Outcome, there: Destination, validation: Validation | None, again: str) -> None:
    """Print the public score and its place in the interval; or why there is none, and what looks for it ``again``."""
    if outcome.score is None:
        if outcome.problem:
            output.notify(f"warning: {outcome.problem}")
        output.notify(f"its score will be at {there.page}; {again} looks for it again")
        return
    where = validation.place_of(outcome.score) if validation else None
    compared = f": {where} the validation accuracy's {validation.interval_text}" if validation and where else ""
    output.echo(f"public score {outcome.score}{compared}")


def upload_data(
    checked: Checked, there: Destination, outcome: Outcome, message: str, *, is_sent: bool
) -> dict[str, Any]:
    """The upload as --json prints it."""
    run, validation = checked.file.run, checked.validation
    return {
        "competition": there.name,
        "submission": f"artifacts/{SUBMISSION}",
        "digest": checked.file.digest,
        "rows": checked.n_rows,
        "run": run.id if run else None,
        "message": message,
        "sent": is_sent,
        "validation_accuracy": validation.accuracy if validation else None,
        "validation_interval": validation.interval if validation else None,
        "public_score": outcome.score,
        "place": validation.place_of(outcome.score) if validation and outcome.score is not None else None,
        "problem": outcome.problem,
    }
