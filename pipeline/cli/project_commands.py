"""The commands that show the present state of a project: `status`, `dag` and `config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, project_options, settings_options
from pipeline.exit_codes import ExitCode

if TYPE_CHECKING:
    from pipeline.cli.project import ProjectOptions


@click.command()
@settings_options
@click.option("--check", is_flag=True, help="Exit with 3 if a run would do anything.")
@json_option
@project_options
def status(place: ProjectOptions, *, check: bool, as_json: bool) -> None:
    """Show what is fresh, what is stale, and why."""
    from pipeline.planning.plan import make_plan
    from pipeline.planning.selection import select
    from pipeline.planning.snapshot import notices_of, take_snapshot
    from pipeline.store.lock import current_writer
    from pipeline.terminal.output import notify, notify_banner, print_json
    from pipeline.terminal.plan_view import plan_data, print_plan

    project = place.load()
    selection = select(project.stages, ["all"])
    snapshot = take_snapshot(project, selection)
    plan = make_plan(snapshot, selection)
    writer = current_writer(project.store.lock_path)
    if as_json:
        print_json(plan_data(plan))
    else:
        print_plan(project, plan)
    for notice in notices_of(snapshot) if plan.stale else ():  # as a run says it
        notify_banner(notice)
    if writer:
        notify(f"a pipeline is writing here: {writer}")
    if check and plan.stale:
        raise click.exceptions.Exit(ExitCode.STALE)


@click.command()
@json_option
@project_options
def dag(place: ProjectOptions, *, as_json: bool) -> None:
    """Show the stages, what they read and what they write."""
    from pipeline.terminal.output import print_json
    from pipeline.terminal.project_view import dag_data, print_dag

    stages = place.load().stages
    print_json(dag_data(stages)) if as_json else print_dag(stages)


@click.command()
@settings_options
@json_option
@project_options
def config(place: ProjectOptions, *, as_json: bool) -> None:
    """Show every setting and where its value comes from."""
    from pipeline.terminal.output import print_json
    from pipeline.terminal.project_view import config_data, print_config

    project = place.load()
    if as_json:
        print_json(config_data(project.config))
    else:
        print_config(project.config, project.stages)
