"""`pipeline show ROW`: one image in the terminal, its label, and the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from pipeline.cli.options import json_option, project_options, settings_options
from pipeline.cli.usage import TakesNegativeNumbers
from pipeline.figures import percent

if TYPE_CHECKING:
    from pipeline.cli.project import ProjectOptions
    from stages.train.parameters import TrainParameters

COPIES = 5  # warped; as many are drawn as fit beside the image
RANKED = 3  # classes named


@click.command(cls=TakesNegativeNumbers)
@click.argument("row", type=int)
@click.option("--test", "is_test", is_flag=True, help="A row of the test set.")
@click.option("--augmented", is_flag=True, help="Draw warped copies beside it, such as training makes.")
@settings_options
@json_option
@project_options
def show(place: ProjectOptions, row: int, *, is_test: bool, augmented: bool, as_json: bool) -> None:
    """Draw an image of the data, and predict it.

    ROW counts from 0, as in predictions.parquet.
    """
    from pipeline.errors import DataError
    from pipeline.planning.current_result import find_current, require_current
    from pipeline.terminal import output
    from pipeline.terminal.commands_as_typed import as_typed
    from stages.commands.current_model import load_model
    from stages.commands.draw_images import draw
    from stages.commands.probabilities import ranked
    from stages.commands.read_rows import read_rows
    from stages.commands.show.image_in_training import part_of, warped
    from stages.shared.documents import read_document
    from stages.split.documents import ImageFormat

    project = place.load()
    split, ingest = require_current(project, "split"), require_current(project, "ingest")
    images = read_document(split.folder / "images.json", ImageFormat, stage="split")
    [found] = read_rows(ingest.folder / f"{'test' if is_test else 'train'}.parquet", [row])
    if found.pixels.size != images.height * images.width:
        what = f"split's images are of {images.height} x {images.width}, and ingest's have {found.pixels.size} pixels"
        raise DataError(what, where="split/images.json", hint="pipeline run split")
    image = found.pixels.reshape(images.height, images.width)
    parameters = cast("TrainParameters", project.config.parameters["train"])
    copies = warped(image, COPIES, parameters, images.normaliser) if augmented else []
    part = "test" if is_test else part_of(row, split.folder)
    trained = find_current(project, "train")
    model = load_model(project, trained, image.size) if trained else None
    predicted = ranked(model.probabilities(found.pixels[None])[0], model.classes) if model else []
    best, confidence = predicted[0] if predicted else (None, None)
    if as_json:
        output.print_json(
            {
                "row": row,
                "part": part,
                "id": found.id,
                "label": found.label,
                "height": images.height,
                "width": images.width,
                "pixels": image.tolist(),
                "augmented": [copy.tolist() for copy in copies],
                "predicted": best,
                "confidence": confidence,
                "probabilities": {str(label): p for label, p in predicted} if predicted else None,
                "model": model.data() if model else None,
            }
        )
        return
    draw([image, *copies])
    label = "" if found.label is None else f"label {found.label}"
    output.echo(", ".join(filter(None, [f"row {row:,}", f"{part} set", f"id {found.id}" if found.id else "", label])))
    if predicted:
        verdict = "" if found.label is None else "right, " if best == found.label else "wrong, "
        shown = "   ".join(f"{label} {percent(p)}" for label, p in predicted[:RANKED])
        output.echo(f"the network says {best}: {verdict}{shown}")
    else:
        output.echo(f"no network yet: {as_typed('pipeline run train')}")
    if augmented and not copies:
        output.notify("nothing warps: every strength of the augmentation is 0 in [train]")
