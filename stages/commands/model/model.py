"""`pipeline model`: the trained network as a table of its layers, or as an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import json_option, project_options, settings_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.cli.project import ProjectOptions
    from stages.commands.current_model import Model
    from stages.mlp import Network
    from stages.notebook.layer_table import LayerTable

SHOWN = 20  # members in the table; --json has them all


@click.command()
@click.option(
    "--export", type=click.Path(), metavar="FILE.onnx", help="Write it as ONNX, which other programs can run."
)
@settings_options
@json_option
@project_options
def model(place: ProjectOptions, *, export: str | None, as_json: bool) -> None:
    """Show the trained network: its layers, and what each of them costs.

    A multiply-add is one product that is added to a sum. An ensemble has a line for each member. With --export, the
    whole model is written to a file: it takes raw pixels and gives the probability of every class, and the label.
    """
    from pipeline.planning.current_result import require_current
    from pipeline.printable_text import readable
    from pipeline.terminal import output
    from stages.commands.current_model import load_model
    from stages.commands.model.write_onnx import write_onnx
    from stages.commands.write_output import require_file

    project = place.load()
    path = require_file(project, export, place.base, [".onnx"], "--export") if export else None
    found = load_model(project, require_current(project, "train"))
    n_bytes = write_onnx(path, found) if path else None
    if as_json:
        output.print_json({**document_of(found), "exported": export and readable(export), "bytes": n_bytes})
    elif export:
        images = found.predictor.images
        size = f"{images.height} x {images.width} = {images.height * images.width:,}"
        output.echo(
            f"{n_bytes:,} bytes written to {readable(export)}",
            f"input:   pixels, float32 (rows, {size}), as in the training file",
            f"outputs: probabilities, float32 (rows, {len(found.classes)}); label (rows)",
        )
    else:
        print_model(found)


def document_of(model: Model) -> dict[str, Any]:
    """The model as --json prints it."""
    from dataclasses import asdict

    from stages.notebook import layer_table

    images, networks = model.predictor.images, []
    for network in model.predictor.networks:
        table = layer_table(network)
        networks.append(
            {
                "network": network.architecture.description,
                "deskew": network.images["deskew"],
                "layers": [asdict(row) for row in table.rows],
                "parameters": table.parameters,
                "multiply_adds": table.multiply_adds,
                "step_multiply_adds": table.step_multiply_adds,
            }
        )
    return {
        "model": model.data(),
        "inputs": {"height": images.height, "width": images.width, "offset": images.offset, "scale": images.scale},
        "classes": list(model.classes),
        "networks": networks,
    }


def print_model(model: Model) -> None:
    """Print what goes in and comes out, each member of an ensemble, and the layers if all members have the same."""
    from pipeline.errors import first_few
    from pipeline.terminal.output import echo, print_table
    from stages.notebook import layer_table
    from stages.notebook.layer_table import COLUMNS

    images, networks = model.predictor.images, model.predictor.networks
    tables = [layer_table(network) for network in networks]
    is_alike = len({network.architecture for network in networks}) == 1
    echo(
        f"inputs:  {images.height} x {images.width} pixels; (pixel - {images.offset:g}) / {images.scale:g}, "
        "clipped to 0 ... 1"
    )
    echo(f"classes: {first_few([in_a_list(label) for label in model.classes], 20)}")
    if is_alike:
        echo(f"network: {networks[0].architecture.description}")
    if len(networks) > 1:
        print_members(networks, tables, is_alike=is_alike)
    echo("")
    if is_alike:
        print_table(COLUMNS, tables[0].cells, numbers=COLUMNS[1:])
        echo("")
    predicted, trained = (sum(each.multiply_adds for each in tables), sum(each.step_multiply_adds for each in tables))
    echo(f"an image costs {predicted:,} multiply-adds in prediction, and {trained:,} in a training step")


def print_members(networks: Sequence[Network], tables: Sequence[LayerTable], *, is_alike: bool) -> None:
    """Print a line for each of the first members; it describes the network unless they are alike in that."""
    from pipeline.terminal.output import echo, print_table
    from stages.notebook.layer_table import COLUMNS
    from stages.shared.messages import counted

    echo(f"members: {len(networks):,}, whose probabilities are averaged", "")
    lines = []
    for number, (network, table) in enumerate(zip(networks[:SHOWN], tables, strict=False)):
        described = [] if is_alike else [network.architecture.description]
        lines.append(
            (str(number), *described, network.images["deskew"], f"{table.parameters:,}", f"{table.multiply_adds:,}")
        )
    columns = ("member", *(() if is_alike else ("network",)), "deskewing", *COLUMNS[-2:])
    print_table(columns, lines, numbers=("member", *COLUMNS[-2:]))
    if len(networks) > SHOWN:
        echo(f"and {counted(len(networks) - SHOWN, 'more member')}: --json prints them")


def in_a_list(label: int | str) -> str:
    """A label for a list with commas: quoted if it is empty, or has a comma, a quotation mark, or blanks at an end."""
    from pipeline.write_toml import toml_text

    text = str(label)
    is_clear = text and text == text.strip() and not {",", '"'} & set(text)
    return text if is_clear else toml_text(text)
