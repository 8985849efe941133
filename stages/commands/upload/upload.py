"""`pipeline upload -m MESSAGE`: the submission to Kaggle, and its public score back."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, project_options, settings_options
from stages import SUBMISSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.cli.project import ProjectOptions
    from pipeline.logs.score_log import Score
    from stages.commands.upload.public_score import Outcome
    from stages.commands.upload.send_to_kaggle import Destination

NAME = "public score"


@click.command()
@click.option("-m", "--message", required=True, help="What Kaggle shows beside the submission.")
@click.option(
    "--competition",
    metavar="NAME",
    help="Its name in the address. Default: that of the zip in data/, or digit-recognizer.",
)
@click.option("--yes", is_flag=True, help="Send it without asking.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the public score.")
@click.option(
    "--force", is_flag=True, help="Send it even if the same bytes were sent before, or look like another test set's."
)
@settings_options
@json_option
@project_options
def upload(
    place: ProjectOptions,
    message: str,
    competition: str | None,
    *,
    yes: bool,
    no_wait: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Send the submission to Kaggle, and wait for its public score.

    It must be up to date, intact, and for this test set. Kaggle's own program sends it. The score is kept, and pipeline
    runs shows it. If Kaggle has no score yet, the same command without --force looks for it again and sends nothing.
    """
    from pipeline.history.scores import record_score, scores_by
    from pipeline.terminal import output
    from stages.commands.kaggle_program import find_program
    from stages.commands.upload.choose_competition import competition_of, require_matching_test_set
    from stages.commands.upload.send_to_kaggle import Destination, require_valid_options
    from stages.commands.upload.submission_checks import checked_copy
    from stages.commands.upload.view import preview, tell_outcome, upload_data

    require_valid_options(competition, message)
    project, again = place.load(), "the same command without --force" if force else "the same command"
    with checked_copy(project) as checked:
        name = competition or competition_of(checked)
        how = f"kaggle {name}"  # as the log of scores has it
        earlier = [] if force else scores_by(project.store, checked.file, how)
        require_no_score(earlier)
        if not earlier and not competition and not force:
            require_matching_test_set(name, checked)
        there = Destination(name, find_program(f"upload artifacts/{SUBMISSION} in a browser"))
        if not earlier:
            output.notify(*preview(checked, there, message))
            if not yes:
                require_consent()
            try:
                there.send(checked.path, message)
            except KeyboardInterrupt:
                output.notify(f"whether it was sent is not known: see {there.page}")
                raise
            output.notify(f"sent to {name}")
            record_score(project.store, checked.file, name=NAME, value=None, how=how)
    if earlier:
        output.notify(f"these bytes were sent on {earlier[-1].when}: only their score is looked for")
    if not no_wait:
        output.notify(f"waiting for the public score; if you interrupt this, {again} takes it up again")
    outcome = look_for_score(there, checked.path.name, at_once=bool(earlier), wait=not no_wait)
    if outcome.score is not None:
        record_score(project.store, checked.file, name=NAME, value=outcome.score, how=how)
    if as_json:
        output.print_json(upload_data(checked, there, outcome, message, is_sent=not earlier))
    else:
        tell_outcome(outcome, there, checked.validation, again)


def require_no_score(earlier: Sequence[Score]) -> None:
    """Raise StageError if the same bytes were sent before and already have a public score."""
    from pipeline.errors import StageError

    if earlier and earlier[-1].value is not None:
        sent = [each.when for each in earlier if each.value is None] or [earlier[-1].when]
        raise StageError(
            f"the same bytes were sent on {sent[-1]}, and their public score is {earlier[-1].value}",
            where=f"artifacts/scores.jsonl, sha256 {earlier[-1].digest}",
            hint="--force sends them once more",
        )


def require_consent() -> None:
    """Ask whether to send it.

    Raises ConfigError if there is no terminal on which to ask, and Exit if the answer is not yes.
    """
    from pipeline.errors import ConfigError
    from pipeline.exit_codes import ExitCode
    from pipeline.terminal import output

    if not has_terminal():
        raise ConfigError("there is no terminal to ask on whether to send this", hint="--yes sends it without asking")
    click.echo("send it? [y/N] ", err=True, nl=False)
    if sys.stdin.readline().strip().casefold() not in {"y", "yes"}:
        output.notify("nothing was sent")
        click.get_current_context().exit(ExitCode.FAILED)


def has_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def look_for_score(there: Destination, name: str, *, at_once: bool, wait: bool) -> Outcome:
    """Look for the public score of the file called ``name``: ``at_once``, and then repeatedly if ``wait`` is set.
    Raises StageError if Kaggle could not score it.
    """
    from pipeline.errors import StageError
    from stages.commands.upload import public_score

    delays = ((0,) if at_once else ()) + (public_score.DELAYS if wait else ())
    if not delays:
        return public_score.Outcome(None)
    outcome = public_score.wait_for_score(there.list, name, delays, time.sleep)
    if outcome.has_failed:
        raise StageError("Kaggle could not score the submission", where=there.page, hint="the page says why")
    return outcome
