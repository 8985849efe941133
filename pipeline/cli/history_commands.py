"""The commands about earlier runs: `runs` and `diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, project_options

if TYPE_CHECKING:
    from pipeline.cli.project import ProjectOptions


@click.command()
@json_option
@project_options
def runs(place: ProjectOptions, *, as_json: bool) -> None:
    """List the runs, with their settings and figures."""
    from dataclasses import asdict

    from pipeline.store.run_log import read_runs
    from pipeline.terminal import render

    found = read_runs(place.artifacts)
    render.print_json([asdict(run) for run in found]) if as_json else render.print_runs(found)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@json_option
@project_options
def diff(place: ProjectOptions, first: str, second: str, *, as_json: bool) -> None:
    """Show in what two runs differ: by number, or -1 for the last."""
    from dataclasses import asdict

    from pipeline.history.diff import compare
    from pipeline.store.run_log import find_run, read_runs
    from pipeline.terminal import render

    store = place.load().store
    found = read_runs(store.root)
    differences = compare(find_run(found, first), find_run(found, second), store.code_of)
    render.print_json([asdict(item) for item in differences]) if as_json else render.print_differences(differences)
