"""`pipeline report`: the page about the trained network, in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, project_options, settings_options

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.cli.project import ProjectOptions

MAKER, FILE = "evaluate", "report.html"


@click.command()
@click.option("--path", "only_path", is_flag=True, help="Print where it is, and open nothing.")
@settings_options
@json_option
@project_options
def report(place: ProjectOptions, *, only_path: bool, as_json: bool) -> None:
    """Open the report in the browser: accuracy, curves, mistakes, and a canvas to draw on."""
    from pipeline.planning.current_result import require_current
    from pipeline.terminal import output
    from stages.commands.stale_result import tell_if_stale

    project = place.load()
    result = require_current(project, MAKER)
    path = (place.artifacts / MAKER / FILE).absolute()  # by the link: the next run leads it to another folder
    stale = tell_if_stale(project, result, "the report")
    if not only_path:
        open_page(path)
    if as_json:
        output.print_json({"path": str(path), "opened": not only_path, "stale": stale})
    else:
        output.echo(str(path))


def open_page(path: Path) -> None:
    """Show a page in the browser that the system, or the variable BROWSER, names; StageError if there is none."""
    import webbrowser

    from pipeline.errors import StageError

    if not webbrowser.open(path.as_uri()):
        raise StageError(
            "no browser could be started",
            where=str(path),
            hint="open this file in a browser; the variable BROWSER names the program that does",
        )
