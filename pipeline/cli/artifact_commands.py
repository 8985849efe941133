"""The commands about what lies in artifacts/: `why`, `verify` and `clean`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.completion import complete_artifacts
from pipeline.cli.options import json_option, project_options
from pipeline.exit_codes import ExitCode

if TYPE_CHECKING:
    from pipeline.cli.project import ProjectOptions


@click.command()
@click.argument("path", type=click.Path(path_type=Path), shell_complete=complete_artifacts)
@json_option
@project_options
def why(place: ProjectOptions, path: Path, *, as_json: bool) -> None:
    """Show how an artifact came to be, down to the raw files."""
    from pipeline.history.why import step_data, trace
    from pipeline.terminal.history_view import print_steps
    from pipeline.terminal.output import print_json

    steps = trace(place.load(), path, place.base)
    print_json([step_data(step) for step in steps]) if as_json else print_steps(steps)


@click.command()
@click.option("--rerun", is_flag=True, help="Repeat the stages in a scratch folder and compare.")
@json_option
@project_options
def verify(place: ProjectOptions, *, rerun: bool, as_json: bool) -> None:
    """Check every receipt, file and schema in the artifacts folder."""
    from dataclasses import asdict

    from pipeline.execution.memory_limit import require_memory
    from pipeline.history.verify import verify as check
    from pipeline.history.verify import verify_by_rerun
    from pipeline.terminal.history_view import print_findings
    from pipeline.terminal.output import print_json
    from pipeline.terminal.progress import Terminal

    if rerun:
        require_memory()
    project = place.load()
    findings = list(check(project))
    if rerun and not any(finding.problem for finding in findings):
        with Terminal(quiet=True) as terminal:
            findings += verify_by_rerun(project, terminal)
    print_json([asdict(item) for item in findings]) if as_json else print_findings(findings)
    if any(finding.problem for finding in findings):
        raise click.exceptions.Exit(ExitCode.FAILED)


@click.command()
@click.option(
    "--keep", default=3, show_default=True, type=click.IntRange(min=0), help="How many results of each stage to keep."
)
@click.option("--yes", is_flag=True, help="Remove them.")
@json_option
@project_options
def clean(place: ProjectOptions, keep: int, *, yes: bool, as_json: bool) -> None:
    """Remove earlier results. Without --yes, only show them.

    A current result is never among them. The unfinished work of an interrupted run is, with --keep 0 only.
    """
    from pipeline.store.clean import clean as remove
    from pipeline.store.clean import n_earlier_kept, size_of_unfinished
    from pipeline.store.lock import current_writer
    from pipeline.terminal.history_view import disposable_data, print_disposable
    from pipeline.terminal.output import notify, print_json

    project = place.load()
    found = remove(project.store, project.stages, keep, remove=yes, notify=notify)
    if as_json:
        print_json(disposable_data(found, removed=yes))
    else:
        spared = size_of_unfinished(project.store, project.stages) if keep else 0
        n_kept = 0 if found else n_earlier_kept(project.store, project.stages, keep)
        print_disposable(found, keep, n_kept, spared, done=yes)
    if not yes and (writer := current_writer(project.store.lock_path)):
        notify(f"a pipeline is writing here, and --yes waits until it is done: {writer}")
