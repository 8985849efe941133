"""`pipeline fetch [COMPETITION]`: Kaggle's files into data/."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from pipeline.cli.options import json_option, project_options

if TYPE_CHECKING:
    from pipeline.cli.project import ProjectOptions
    from stages.ingest.parameters import IngestParameters


@click.command()
@click.argument("competition", default="digit-recognizer")
@click.option("--force", is_flag=True, help="Download it even if it is there.")
@json_option
@project_options
def fetch(place: ProjectOptions, competition: str, *, force: bool, as_json: bool) -> None:
    """Download a competition's zip from Kaggle into data/.

    COMPETITION is its name in the address of its page; digit-recognizer, if none is given.
    """
    from pipeline.errors import PipelineError, first_few
    from pipeline.terminal import output
    from stages.commands.fetch.kaggle_download import fetch_competition
    from stages.ingest.sources.find import find_sources

    found = fetch_competition(competition, place.folder / "data", again=force)
    if as_json:
        output.print_json(
            {
                "path": str(found.path),
                "downloaded": found.downloaded,
                "bytes": found.path.stat().st_size,
                "files": list(found.members),
                "usable": found.is_usable,
            }
        )
        return
    did = "downloaded" if found.downloaded else "is there already (--force downloads it again)"
    output.echo(f"{found.path}: {did}, {found.path.stat().st_size / 1e6:.1f} MB")
    if found.is_usable:
        try:
            parameters = cast("IngestParameters", place.load().config.parameters["ingest"])
            notice = find_sources(parameters, place.folder).notice.splitlines()
        except PipelineError as error:  # older files there contradict it, or the settings are wrong
            notice = error.lines()
        else:
            output.echo("next: pipeline run all")
        if notice:
            output.notify(f"warning: {notice[0]}", *notice[1:])
    else:
        output.notify(f"warning: it holds no train.csv and test.csv, but {first_few(found.members)}")
        output.notify("unzip it into data/, and set ingest.train and ingest.test to its two CSV files")
