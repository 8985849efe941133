"""`pipeline fetch [NAME]`: the files of a competition on Kaggle, or of a public data set, into data/."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from pipeline.cli.options import json_option, project_options

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.cli.project import ProjectOptions
    from stages.commands.fetch.fetched import Fetched
    from stages.ingest.parameters import IngestParameters

DEFAULT = "digit-recognizer"
TYPING_ERROR = 0.8  # the least similarity to a known name, from 0 to 1


@click.command()
@click.argument("name", default=DEFAULT)
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="URL",
    help="A folder on the web that has the files of mnist or fashion-mnist; several are tried in turn.",
)
@json_option
@project_options
def fetch(place: ProjectOptions, name: str, mirrors: tuple[str, ...], *, force: bool, as_json: bool) -> None:
    """Download the files of a competition, or of a public data set, into data/.

    NAME is mnist or fashion-mnist; or the name of a competition in the address of its page at Kaggle, by default
    digit-recognizer. A competition needs an account at Kaggle and Kaggle's program.
    """
    from pipeline.errors import PipelineError, first_few
    from pipeline.terminal import output
    from pipeline.terminal.commands_as_typed import as_typed
    from stages.ingest.sources.find import find_sources

    found = fetch_by_name(name, place.folder / "data", mirrors, again=force, quiet=as_json)
    if as_json:
        output.print_json(
            {
                "path": str(found.path),
                "downloaded": found.downloaded,
                "bytes": found.path.stat().st_size,
                "files": list(found.members),
                "usable": found.is_usable,
                "holds_test_images": found.holds_test_images,
                "answers": str(found.answers) if found.answers else None,
            }
        )
        return
    did = "downloaded" if found.downloaded else "is there already (--force replaces it)"
    output.echo(f"{found.path}: {did}, {found.path.stat().st_size / 1e6:.1f} MB")
    if found.answers:
        command = as_typed("pipeline score --answers")
        output.echo(f"{found.answers}: the right labels of its test set, for {command}")
    if found.is_usable:
        try:
            parameters = cast("IngestParameters", place.load().config.parameters["ingest"])
            notice = find_sources(parameters, place.folder).notice.splitlines()
        except PipelineError as error:  # older files there contradict it, or the settings are wrong
            notice = error.lines()
        else:
            output.echo(f"next: {as_typed('pipeline run all')}")
        if notice:
            output.notify(f"warning: {notice[0]}", *notice[1:])
    else:
        output.notify(f"warning: it holds no train.csv and test.csv, but {first_few(found.members)}")
        output.notify("unzip it into data/, and set ingest.train and ingest.test to its two CSV files")


def fetch_by_name(name: str, data: Path, mirrors: tuple[str, ...], *, again: bool, quiet: bool) -> Fetched:
    """Download the public data set, or else the Kaggle competition, called ``name`` into the folder ``data``.

    Raises
    ------
    PipelineError
        It cannot be downloaded or written; a mirror is no address, or is not needed; or the name is mistyped.
    """
    from pipeline.errors import ConfigError, close_matches
    from pipeline.terminal.progress import Terminal
    from stages.commands.data_sets import DATA_SETS
    from stages.commands.fetch.kaggle_download import fetch_competition

    data_set = DATA_SETS.get(name.lower())
    if data_set is None:
        if mirrors:
            what = f"--mirror is for {' and '.join(DATA_SETS)}, and '{name}' is neither"
            raise ConfigError(what, hint=f"pipeline fetch {name}, which asks Kaggle")
        near = close_matches(name.lower(), [*DATA_SETS, DEFAULT], cutoff=TYPING_ERROR)
        if near and near[0] not in name.lower():  # emnist is a name of its own, not a mistyped mnist
            raise ConfigError(f"there is no data set '{name}'", hint=f"did you mean: pipeline fetch {near[0]}")
        return fetch_competition(name, data, again=again)
    for mirror in mirrors:
        if not mirror.startswith(("http://", "https://")):
            what = f"--mirror takes an address that begins with http:// or https://, not '{mirror}'"
            raise ConfigError(what, hint="name the folder that holds the files, as https://host/folder")
    from stages.commands.fetch.competition_files import fetch_data_set

    with Terminal(quiet=quiet, transient=True) as terminal:
        return fetch_data_set(data_set, data, terminal.begin(data_set.name), mirrors=mirrors, again=again)
