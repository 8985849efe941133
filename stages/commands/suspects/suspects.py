"""`pipeline suspects`: training rows whose label may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, project_options, settings_options
from pipeline.figures import percent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.cli.project import ProjectOptions
    from stages.commands.suspects.find_in_results import Found, Suspect

REMARK = (
    "probably wrong: the network is as sure of its prediction as it is, on average, of rows with that label; "
    "no remark: the label may be right"
)


@click.command()
@click.option("--most", type=click.IntRange(min=0), default=20, show_default=True, help="Show so many of them.")
@click.option("--output", "-o", type=click.Path(), metavar="FILE", help="Write all of them to this .csv file.")
@settings_options
@json_option
@project_options
def suspects(place: ProjectOptions, most: int, output: str | None, *, as_json: bool) -> None:
    """List training rows whose label may be wrong, the likeliest first.

    They are found from the probabilities of networks that were not trained on them (confident learning; Northcutt and
    others, 2021). Without folds, only the validation rows are judged. After a run with folds, as with --set
    train.folds=5, every row is.
    """
    from dataclasses import asdict, astuple, fields

    from pipeline.planning.current_result import require_current
    from pipeline.terminal.output import print_json
    from stages.commands.stale_result import tell_if_stale
    from stages.commands.suspects.find_in_results import Suspect, find_in_results
    from stages.commands.write_output import require_file, write_csv

    project = place.load()
    target = require_file(project, output, place.base, [".csv"]) if output else None
    ingest, encode, evaluate = (require_current(project, stage) for stage in ("ingest", "encode", "evaluate"))
    tell_if_stale(project, evaluate, "what the labels are judged by")
    found = find_in_results(ingest, encode, evaluate)
    if target:
        write_csv(target, [field.name for field in fields(Suspect)], map(astuple, found.suspects))
    if as_json:
        print_json(
            {
                "judged": found.n_judged,
                "rows": found.n_rows,
                "probably_wrong": found.n_confident,
                "suspects": [asdict(each) for each in found.suspects],
            }
        )
        return
    print_suspects(found.suspects[:most], ingest.folder)
    tell_number(found, most, output)


def print_suspects(suspects: Sequence[Suspect], ingest: Path) -> None:
    """Print a table of suspects, and draw them in the table's order, as many beside each other as fit."""
    from pipeline.terminal.output import echo, print_table
    from stages.commands.draw_images import draw
    from stages.commands.suspects.find_in_results import images_of

    if not suspects:
        return
    columns = ["line", "row", "label", "its probability", "predicted", "with probability", "remark"]
    table = [
        (
            f"{each.line:,}",
            f"{each.row:,}",
            str(each.label),
            percent(each.p_label),
            str(each.suggested),
            percent(each.p_suggested),
            "probably wrong" if each.is_confident else "",
        )
        for each in suspects
    ]
    print_table(columns, table, numbers=("line", "row", "its probability", "with probability"))
    echo(REMARK)
    images, at = images_of(suspects, ingest), 0
    while at < len(images):
        n_drawn = draw(images[at:])
        echo(", ".join(f"line {each.line:,}: {each.label} or {each.suggested}" for each in suspects[at : at + n_drawn]))
        at += n_drawn


def tell_number(found: Found, most: int, output: str | None) -> None:
    """Say how many labels are probably wrong, where the others are, and how many rows were not judged."""
    from pipeline.printable_text import readable
    from pipeline.terminal.commands_as_typed import as_typed
    from pipeline.terminal.output import echo, notify
    from stages.shared.messages import counted, is_or_are

    n, n_confident = len(found.suspects), found.n_confident
    share = f" ({percent(n_confident / found.n_judged)})" if n_confident else ""
    echo(f"{n_confident:,} of {counted(found.n_judged, 'label')}{share} {is_or_are(n_confident)} probably wrong")
    if output:
        echo(f"{counted(n, 'row')} written to {readable(output)}")
    elif n > most:
        echo(f"of {n:,} rows that are predicted otherwise, {most:,} {is_or_are(most)} shown: --output FILE writes all")
    if n_left := found.n_rows - found.n_judged:
        folds = "--set train.folds=5"
        hint = as_typed(f"pipeline run all {folds} judges every row; then pipeline suspects {folds}")
        notify(f"{counted(n_left, 'row was', 'rows were')} not judged, since the network was trained on them: {hint}")
