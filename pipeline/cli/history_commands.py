"""The commands about earlier runs: `runs` and `diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, project_options

if TYPE_CHECKING:
    from pipeline.cli.project import ProjectOptions

LAST_RUNS = 100


@click.command()
@click.option("--all", "show_all", is_flag=True, help=f"Show all of them, not only the last {LAST_RUNS}.")
@json_option
@project_options
def runs(place: ProjectOptions, *, show_all: bool, as_json: bool) -> None:
    """List the last runs, with their settings and figures; --json has all of them."""
    from pipeline.store.run_log import read_log
    from pipeline.terminal.history_view import print_runs, runs_data
    from pipeline.terminal.output import notify, print_json

    log = read_log(place.artifacts)
    if log.warning:
        notify(log.warning)
    if as_json:
        print_json(runs_data(log.runs))
        return
    shown = log.runs if show_all else log.runs[-LAST_RUNS:]
    print_runs(shown)
    if len(shown) < len(log.runs):
        notify(f"{len(log.runs) - len(shown):,} earlier runs are not shown: pipeline runs --all")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@json_option
@project_options
def diff(place: ProjectOptions, first: str, second: str, *, as_json: bool) -> None:
    """Show how two runs differ. A RUN is a number, or -1 for the last."""
    from pipeline.history.diff import compare
    from pipeline.store.run_log import find_run, read_runs
    from pipeline.terminal.history_view import differences_data, print_differences
    from pipeline.terminal.output import print_json

    store = place.load().store
    found = read_runs(store.root)
    differences = compare(find_run(found, first), find_run(found, second), store.code_of)
    print_json(differences_data(differences)) if as_json else print_differences(differences)
