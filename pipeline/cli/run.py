"""The command `pipeline run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.completion import complete_stages
from pipeline.cli.options import (
    OutputOptions,
    execution_options,
    output_options,
    project_options,
    settings_options,
)

if TYPE_CHECKING:
    from pipeline.cli.project import ProjectOptions
    from pipeline.workers.backends import Execution


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="all|STAGE...", shell_complete=complete_stages)
@click.option("--only", is_flag=True, help="Run only the named stages, on the artifacts that are there.")
@click.option("--force", is_flag=True, help="Run the named stages even if they are fresh.")
@click.option(
    "--from",
    "first",
    metavar="STAGE",
    shell_complete=complete_stages,
    help="Run this stage and those after it, and none before.",
)
@click.option(
    "--to",
    "last",
    metavar="STAGE",
    shell_complete=complete_stages,
    help="Run this stage and those before it, and none after.",
)
@click.option(
    "--submission",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Copy the submission to this file too.",
)
@settings_options
@execution_options
@output_options(dry_run="Show what would run and why, and run nothing.", quiet="Show nothing but warnings and errors.")
@project_options
def run(
    place: ProjectOptions,
    execution: Execution,
    output: OutputOptions,
    *,
    submission: Path | None,
    **chosen: Any,
) -> None:
    """Bring stages up to date. Stages that they depend on come first."""
    from pipeline.cli.project import ARTIFACTS
    from pipeline.execution.copy_result import copy_result, plan_copy
    from pipeline.execution.run import run as run_stages
    from pipeline.planning.plan import make_plan
    from pipeline.planning.selection import select, settings_without_effect
    from pipeline.planning.snapshot import notices_of, take_snapshot
    from pipeline.terminal.output import notify, notify_banner, print_json
    from pipeline.terminal.plan_view import plan_data, print_plan, print_result, result_data
    from pipeline.terminal.progress import Terminal
    from stages import SUBMISSION

    project = replace(place.load(), execution=execution)
    selection = select(project.stages, **chosen)
    notify(*(f"warning: {text}" for text in settings_without_effect(project.config, selection)))
    copy = plan_copy(project, SUBMISSION, submission, place.base, selection) if submission else None
    if output.dry_run:
        project.config.require_fitting(selection.stages)
        snapshot = take_snapshot(project, selection)
        plan = make_plan(snapshot, selection)
        for notice in notices_of(snapshot):
            notify_banner(notice)
        if output.as_json:
            print_json(plan_data(plan))
        else:
            print_plan(project, plan)
        return
    with Terminal(quiet=output.is_quiet) as terminal:
        result = run_stages(project, selection, terminal, wait=not output.no_wait)
    if copy:
        copy_result(project, result, SUBMISSION, copy)
    if output.as_json:
        print_json(result_data(result, ARTIFACTS, copy))
    else:
        folder = str(place.artifacts)
        print_result(result, project.stages, folder, copy, quiet=output.quiet, noticed=terminal.notices)
