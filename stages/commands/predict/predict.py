"""`pipeline predict FILE...`: predict new images with the trained network."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from pipeline.cli.options import json_option, project_options, settings_options
from pipeline.figures import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.cli.project import ProjectOptions
    from pipeline.errors import DataError
    from pipeline.planning.project import Project
    from stages.commands.current_model import Model
    from stages.commands.predict.file_predictions import FilePredictions
    from stages.commands.predict.training_images import TrainingImages
    from stages.ingest.parameters import IngestParameters
    from stages.shared.documents import Label

SHOWN = 20  # rows of CSVs in the table; --json and --output have them all
ERRORS = 5  # unreadable files that are named
RANKED = 3  # classes shown of each row
LEAST = 0.00005  # a smaller probability would be shown as 0.00 %


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option(
    "--output",
    "-o",
    type=click.Path(),
    metavar="FILE",
    help="Write a line for each row to this .csv or .parquet file.",
)
@settings_options
@json_option
@project_options
def predict(place: ProjectOptions, files: tuple[str, ...], output: str | None, *, as_json: bool) -> None:
    """Predict new images, in CSV files or pictures.

    A CSV is laid out like the competition's, with or without labels and ids. A picture is a PNG or JPEG of one
    digit, of any size, dark on light or light on dark. A file that cannot be read is named, and the others are
    predicted.
    """
    from pipeline.errors import DataError
    from pipeline.exit_codes import ExitCode
    from pipeline.terminal.output import notify, notify_error
    from stages.commands.named_file import find_file
    from stages.commands.predict.file_predictions import write_predictions
    from stages.commands.predict.predict_files import predict_file
    from stages.commands.predict.training_images import find_training_images
    from stages.commands.write_output import require_file
    from stages.shared.messages import counted

    project, reading = load_projects(place)
    paths = {name: find_file(name, place.base) for name in files}
    inputs = list(paths.values())
    target = require_file(project, output, place.base, [".csv", ".parquet"], inputs=inputs) if output else None
    model = model_for(project, reading)
    training = find_training_images(project, model.predictor.images)
    parameters = cast("IngestParameters", reading.config.parameters["ingest"])
    predictions: list[FilePredictions] = []
    errors: dict[str, DataError] = {}
    for name, path in paths.items():
        try:
            predictions.append(predict_file(name, path, model, training, parameters))
        except DataError as error:
            if len(paths) == 1:
                raise
            errors[name] = error
    if predictions:
        if target:
            write_predictions(target, predictions, model.classes)
        tell_predictions(predictions, errors, model, output, as_json=as_json)
        tell_training_set(predictions, training)
    for each in list(errors.values())[:ERRORS]:
        notify_error(each)
    if len(errors) > ERRORS:
        notify(f"error: {counted(len(errors) - ERRORS, 'more file')} cannot be read")
    if errors:
        click.get_current_context().exit(ExitCode.FAILED)


def load_projects(place: ProjectOptions) -> tuple[Project, Project]:
    """The project without and with the given settings of ingest, which say how the files to predict are laid out."""
    from dataclasses import replace

    of_ingest = tuple(text for text in place.sets if text.strip().startswith("ingest."))
    project = replace(place, sets=tuple(text for text in place.sets if text not in of_ingest)).load()
    return project, place.load(*of_ingest) if of_ingest else project


def model_for(project: Project, reading: Project) -> Model:
    """The current network. It is not stale if it is not so for one of the two projects."""
    from pipeline.planning.current_result import require_current, why_stale
    from stages.commands.current_model import load_model

    is_made_so = reading is not project and not why_stale(reading, "train")
    return load_model(reading if is_made_so else project, require_current(project, "train"))


def tell_predictions(
    predictions: Sequence[FilePredictions],
    errors: Mapping[str, DataError],
    model: Model,
    output: str | None,
    *,
    as_json: bool,
) -> None:
    """Print the predictions, or how many were written to ``output``, how many labels agree, and the warnings.

    JSON names the files that cannot be read, ``errors``, too.
    """
    from pipeline.printable_text import readable
    from pipeline.terminal.output import echo, notify, print_json
    from stages.shared.messages import counted

    if as_json:
        rows = [record for each in predictions for record in each.records(model.classes)]
        failed = [{"file": readable(name), "problem": error.what} for name, error in errors.items()]
        print_json({"model": model.data(), "rows": rows, "failed": failed})
    else:
        if output:
            n_rows = sum(len(each.P) for each in predictions)
            echo(f"{counted(n_rows, 'row')} written to {readable(output)}")
        else:
            print_predictions(predictions, model.classes)
        if agreement := tell_agreement(predictions, model.classes):
            echo(agreement)
    for warning in dict.fromkeys(each for file in predictions for each in file.warnings):
        notify(f"warning: {warning}: the predictions may be wrong")


def tell_agreement(predictions: Sequence[FilePredictions], classes: Sequence[Label]) -> str:
    """How many labels agree with the predictions, and how many cannot be compared; empty without labels."""
    from pipeline.errors import first_few
    from stages.shared.messages import counted, shortened

    given = [label for each in predictions for label in each.labels if label is not None]
    if not given:
        return ""
    others = [label for label in given if label not in classes]
    parts = []
    if n_known := len(given) - len(others):
        n_correct = sum(each.n_correct(classes) for each in predictions)
        parts.append(f"{n_correct:,} of {n_known:,} labels agree: {percent(n_correct / n_known)}")
    if n_without := sum(len(each.P) for each in predictions if not each.is_picture) - len(given):
        parts.append(f"{counted(n_without, 'row')} without a label")
    if others:
        named = first_few([shortened(str(label)) for label in dict.fromkeys(others)])
        parts.append(f"{counted(len(others), 'label')} of no class of the model: {named}")
    return "; ".join(parts)


def tell_training_set(predictions: Sequence[FilePredictions], training: TrainingImages) -> None:
    """Say which file seems to be the training set: the labels tell, the pixels are not compared."""
    from pipeline.terminal.output import notify

    for each in predictions:
        if training.have_labels(each.labels):
            told = "if it is that, the network was trained on these rows, and is less often right about new ones"
            notify(f"note: {each.file} has the labels of the training set, in their order: {told}")


def print_predictions(predictions: Sequence[FilePredictions], classes: Sequence[Label]) -> None:
    """Print every picture and the first rows of CSVs with their likeliest classes, and how many more rows there are."""
    from pipeline.terminal.output import echo, print_table
    from stages.commands.predict.file_predictions import optional_columns
    from stages.commands.probabilities import ranked

    left, rows = SHOWN, []
    for each in predictions:
        n_shown = 1 if each.is_picture else min(left, len(each.P))
        rows += [(each, row) for row in range(n_shown)]
        left -= 0 if each.is_picture else n_shown
    optional = [name for name in optional_columns(predictions) if name != "row"]  # which is part of the first column
    table = []
    for each, row in rows:
        first, *others = ranked(each.P[row], classes)[:RANKED]
        image = [each.file] if each.is_picture or len(predictions) > 1 else []
        image += [] if each.is_picture else [f"row {row:,}"]
        label = each.labels[row] if each.labels else None
        cells = {"id": each.ids[row] if each.ids else "", "label": "" if label is None else str(label)}
        shown = "   ".join(f"{name} {percent(p)}" for name, p in others if p >= LEAST)
        named = [cells[name] for name in optional]
        table.append((", ".join(image), *named, str(first[0]), percent(first[1]), shown))
    print_table(("image", *optional, "predicted", "confidence", "others"), table, numbers=("confidence",))
    n_rows = sum(len(each.P) for each in predictions)
    if n_rows > len(rows):
        echo(f"and {n_rows - len(rows):,} more rows: --output FILE writes all, --json prints them")
