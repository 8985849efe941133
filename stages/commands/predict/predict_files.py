"""Predict new files: CSVs in the competition's layout, and pictures.

Pixels are read in blocks. Only the predictions are kept, a few numbers for each row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError
from pipeline.printable_text import readable
from pipeline.task import Source
from stages.commands.predict.file_predictions import FilePredictions
from stages.commands.predict.training_images import TrainingImages
from stages.images.picture_to_input import picture_to_input
from stages.images.read_picture import is_picture
from stages.ingest.bad_rows.faults import explain
from stages.ingest.bad_rows.hints import NO_VALUES, bad_labels, hint_for_few, hint_for_many
from stages.ingest.bad_rows.stop_or_set_aside import bad_rows_error
from stages.ingest.csv.header import header_cells, read_layout, require_no_header
from stages.ingest.csv.labels import ClassSet, listed
from stages.ingest.csv.layout import Layout, layout_without_header
from stages.ingest.csv.open_raw import open_raw
from stages.ingest.csv.streams import RawCsv, no_rows
from stages.ingest.csv_to_table import FileContents, good_rows
from stages.ingest.profile import differences
from stages.ingest.running_summary import Summary
from stages.ingest.sources.other_formats import OFFICE_FILE
from stages.shared.arrays import Pixels
from stages.shared.documents import Label
from stages.shared.messages import counted

if TYPE_CHECKING:
    from stages.commands.current_model import Model
    from stages.ingest.parameters import IngestParameters

BLOCK_ROWS = 4096
PICTURE_SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".avif"),
    *(".svg", ".pdf", ".eps"),
}

NO_LABEL = ""  # which is no class


class LabelsOrNone(ClassSet):
    """Labels that may be missing (``?``, an empty cell), which gives ``NO_LABEL``: such a row is predicted too."""

    def __init__(self, classes: Sequence[Label]) -> None:
        super().__init__(tuple(classes) if isinstance(classes[0], str) else None)
        self.rule = f"none of the model's classes: {listed(classes)}"

    def __call__(self, text: str) -> Label | None:
        """The label that ``text`` means, ``NO_LABEL`` if it means a missing one, None if it is no label."""
        label = super().__call__(text)
        return NO_LABEL if label is None and text.lower() in NO_VALUES else label


def predict_file(
    name: str, path: Path, model: Model, training: TrainingImages, parameters: IngestParameters
) -> FilePredictions:
    """Predict the digit in a picture, or every row of a CSV that is laid out as ``parameters`` say.

    Raises DataError if the file cannot be read, or a row is not valid. Nothing is predicted then.
    """
    if looks_like_picture(path):
        return predict_picture(name, path, model, training)
    return predict_csv(name, path, model, training, parameters)


def looks_like_picture(path: Path) -> bool:
    """Whether a file is a picture by its first bytes, or by the ending of its name."""
    with path.open("rb") as file:
        return is_picture(file.read(8)) or path.suffix.lower() in PICTURE_SUFFIXES


def predict_picture(name: str, path: Path, model: Model, training: TrainingImages) -> FilePredictions:
    """Predict the digit in a picture, after giving it the size, framing and pixel scale of the training images."""
    image, warnings = picture_to_input(path, *training.size, training.framing, training.scale)
    found = FilePredictions(readable(name), is_picture=True, P=model.probabilities(image.reshape(1, -1)))
    found.warnings += [f"{found.file} {warning}" for warning in warnings]
    return found


def require_no_zip(path: Path) -> None:
    """Raise DataError if the file is a zip, which only `pipeline run` reads."""
    with path.open("rb") as file:
        start = file.read(64)
        if start.startswith(b"PK\x03\x04") and not re.match(OFFICE_FILE, start):
            hint = "predict takes a CSV or a picture: unzip it first, or use pipeline run all"
            raise DataError(f"{path.name} is a zip", where=str(path), hint=hint)


def predict_csv(
    name: str, path: Path, model: Model, training: TrainingImages, parameters: IngestParameters
) -> FilePredictions:
    """Predict every row of a CSV; warn if the images differ from the training images in range or polarity."""
    labels, found_labels, probabilities = LabelsOrNone(model.classes), [], []
    waiting: list[Pixels] = []  # blocks (m, n_pixels)
    with open_raw(Source("predict", path)) as raw:
        require_no_zip(path)
        layout = read_csv_layout(raw, training.size, parameters)
        contents = FileContents(layout, Summary(len(layout.pixels)), raw.first_line)
        for rows in good_rows(raw, labels, contents):
            found_labels += [None if label == NO_LABEL else label for label in rows.labels]
            waiting.append(rows.pixels.T)
            if sum(map(len, waiting)) >= BLOCK_ROWS:
                probabilities.append(model.probabilities(np.concatenate(waiting)))
                waiting = []
    require_good_rows(contents, labels)
    if waiting:
        probabilities.append(model.probabilities(np.concatenate(waiting)))
    P = np.concatenate(probabilities)
    found = FilePredictions(readable(name), is_picture=False, P=P, ids=contents.ids, labels=found_labels)
    tell_ids_from_labels(found, model.classes, has_header=parameters.has_header)
    if training.images is not None:
        images = contents.summary.image_set(layout.pixels, training.size)
        found.warnings += differences(images, training.images, str(layout.file))
    return found


def require_good_rows(found: FileContents, labels: LabelsOrNone) -> None:
    """Raise DataError if a row of a file is not valid, or if it has none."""
    bad = found.bad
    if bad.n:
        hint = hint_for_many(found) if found.has_many_bad else hint_for_few(found)
        if 2 * sum(labels(label) is None for label in bad_labels(found)) > len(bad.kept):
            hint = "write one of the model's classes as the label, or leave the cell empty"
        raise bad_rows_error(found, *explain(bad.kept, found.layout, labels), hint)
    if not found.n_rows:
        raise no_rows(found.layout.file, hint="check the file")


def tell_ids_from_labels(found: FilePredictions, classes: Sequence[Label], *, has_header: bool) -> None:
    """Forget labels that no row has; without a header, take a column of labels for ids if they are not the classes."""
    others = set(found.labels) - set(classes)
    if others and None not in others and not has_header:
        found.ids, found.labels = [str(each) for each in found.labels], []
    if set(found.labels) == {None}:
        found.labels = []


def read_csv_layout(raw: RawCsv, size: tuple[int, int], parameters: IngestParameters) -> Layout:
    """The layout of a CSV of images of ``size`` (height, width), with or without labels and ids."""
    line, n_pixels = raw.read_header(), size[0] * size[1]
    if parameters.has_header:
        hint = "if it has no header, use --set ingest.has_header=false"
        layout = read_layout(line, raw.name, parameters, raw.next_lines, hint)
    else:
        cells = header_cells(line, raw.name)
        require_no_header(cells, raw.name, "use --set ingest.has_header=true")
        n_columns = len(cells)
        layout = layout_without_header(n_columns, raw.name, parameters.label if n_columns == n_pixels + 1 else None)
        raw.put_back(line)
    if len(layout.pixels) != n_pixels:
        raise DataError(
            f"the images of {raw.name} have {counted(len(layout.pixels), 'pixel')}, and those that the model was "
            f"trained on have {size[0]} x {size[1]} = {n_pixels:,}",
            where=f"{raw.name.path}, line 1",
            hint="give it a CSV laid out like the training data, or train on such images first: pipeline run train",
        )
    return layout
