"""Split: divide the labelled rows into training and validation, and scale every pixel to [0, 1].

The rows are shuffled once, so each part is a random sample of them. If ``stratify`` is set, a part is written in the
table's order, and otherwise in the shuffled one. Pixels pass block by block from Parquet into .npy files that later
stages map: memory does not grow with the number of rows. The normaliser is fitted on training rows only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError, StageError, not_as_written
from pipeline.task import Outcome, Task
from stages.ingest.image_table import read_pixel_blocks
from stages.shared.arrays import Labels, Pixels
from stages.shared.documents import encode_document, read_document
from stages.shared.parquet import read_column
from stages.split.divide import Division, divide, is_stratified, position_of
from stages.split.documents import ImageFormat, Normaliser
from stages.split.normalise import fit_normaliser, kind_of, normalise
from stages.split.npy_row_writer import RowFile

if TYPE_CHECKING:
    from stages.split.parameters import SplitParameters

BLOCK_ROWS = 1024


class TrainingPixels(msgspec.Struct, frozen=True):
    """What split needs to know of the training images."""

    pixel_range: tuple[int, int]
    is_dark_on_light: bool


class ProfileForSplit(msgspec.Struct, frozen=True):
    """What split needs of ingest/profile.json."""

    height: int
    width: int
    label_name: str
    n_test: int
    train: TrainingPixels


def split(task: Task[SplitParameters]) -> Outcome:
    """Write both parts' normalised pixels, labels and row numbers, and the normalised test pixels.

    Raises
    ------
    DataError
        A class has too few rows to be divided, or the images are not of the profile's size.
    StageError
        The files that were written do not fit each other.
    """
    parameters = task.parameters
    train_table = task.inputs["ingest/train.parquet"]
    profile = read_document(task.inputs["ingest/profile.json"], ProfileForSplit, stage="ingest")
    labels = as_labels(read_column(train_table, profile.label_name, stage="ingest"))  # (m,)
    whole = divide(labels, parameters)
    division = Division(whole.train[: parameters.train_rows], whole.validation[: parameters.validation_rows])
    if parameters.stratify:
        # In the table's order, a large set is written and read without jumps. Training shuffles anyway.
        division = Division(np.sort(division.train), np.sort(division.validation))
    normaliser = fit_normaliser(
        kind_of(parameters.normalise, profile.train.pixel_range),
        train_table,
        division.train,
        n_rows=len(labels),
        is_dark_on_light=profile.train.is_dark_on_light,
    )

    write_pixels(task, profile, division, normaliser, n_labelled=len(labels))
    for name, rows in (("train", division.train), ("validation", division.validation)):
        np.save(task.outputs[f"split/rows_{name}.npy"], rows)
        np.save(task.outputs[f"split/labels_{name}.npy"], labels[rows])
    images = ImageFormat(
        height=profile.height,
        width=profile.width,
        normaliser=normaliser,
        n_train=len(division.train),
        n_validation=len(division.validation),
        n_test=profile.n_test,
    )
    task.outputs["split/images.json"].write_bytes(encode_document(images))
    check_written(task, labels)
    figures = {"rows": f"{images.n_train:,} + {images.n_validation:,}"}
    return Outcome(figures, tuple(warnings_of(profile, parameters, len(labels), len(whole.validation))))


def write_pixels(
    task: Task[SplitParameters],
    profile: ProfileForSplit,
    division: Division,
    normaliser: Normaliser,
    *,
    n_labelled: int,
) -> None:
    """Write the normalised pixels of the ``n_labelled`` training rows, divided in two, and those of the test rows."""
    n_pixels, dtype, n_done = profile.height * profile.width, np.dtype(task.parameters.dtype), 0
    tables = {
        "ingest/train.parquet": (n_labelled, {"train": division.train, "validation": division.validation}),
        "ingest/test.parquet": (profile.n_test, {"test": np.arange(profile.n_test)}),
    }
    for table, (n_rows, parts) in tables.items():
        positions = {name: position_of(rows, n_rows) for name, rows in parts.items()}
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(RowFile(task.outputs[f"split/X_{name}.npy"], (len(rows), n_pixels), dtype))
                for name, rows in parts.items()
            }
            for first_row, block in numbered_blocks(task.inputs[table], n_pixels):
                for name, position in positions.items():
                    target = position[first_row : first_row + len(block)]
                    files[name].write(target[target >= 0], normalise(block[target >= 0], normaliser, dtype))
                n_done += len(block)
                task.progress(n_done, n_labelled + profile.n_test)


def warnings_of(
    profile: ProfileForSplit, parameters: SplitParameters, n_labelled: int, n_held_out: int
) -> Iterator[str]:
    """Warnings: the pixels use too little of the range that they are divided by, another share is held out."""
    lowest, highest = profile.train.pixel_range
    if parameters.normalise == "range" and kind_of("auto", (lowest, highest)) != "range":
        yield f'the training pixels go from {lowest} to {highest} only: set split.normalise = "min_max"'
    n_asked = round(n_labelled * parameters.validation, 6)  # 100 x 0.07 is 7, not 7.000000000000001
    if parameters.stratify and parameters.validation and abs(n_held_out - n_asked) >= 1:
        yield (
            f"split.validation = {parameters.validation:g} is {n_asked:.1f} of "
            f"{n_labelled:,} rows: {n_held_out:,} are held out, so that every class has a row in both parts"
        )


def numbered_blocks(table: Path, n_pixels: int) -> Iterator[tuple[int, Pixels]]:
    """The pixels in blocks (rows, n_pixels) that fit the processor's cache, with the number of their first row."""
    first_row = 0
    for block in read_pixel_blocks(table):
        if block.shape[1] != n_pixels:
            raise DataError(
                f"the images have {block.shape[1]} pixels, not height x width = {n_pixels}",
                where=table.name,
                hint="set ingest.height and ingest.width, then pipeline run split",
            )
        for start in range(0, len(block), BLOCK_ROWS):
            yield first_row + start, block[start : start + BLOCK_ROWS]
        first_row += len(block)


def as_labels(column: NDArray[Any]) -> Labels:
    """A column of labels as int64 or fixed-width text, which .npy holds without pickling."""
    return column.astype(np.int64) if column.dtype.kind in "iu" else column.astype(np.str_)


def check_written(task: Task[SplitParameters], labels: Labels) -> None:
    """Read back what was written, and check that the files fit each other.

    The engine checks each file alone, for example that pixels lie in [0, 1]. Here the files are compared: the parts are
    disjoint, complete unless limited, stratified if that is set, and carry the rows' own labels.
    """
    parameters = task.parameters
    parts = ("train", "validation")
    rows = {name: np.load(task.outputs[f"split/rows_{name}.npy"]) for name in parts}
    written = {name: np.load(task.outputs[f"split/labels_{name}.npy"]) for name in parts}
    n_pixel_rows = {name: len(np.load(task.outputs[f"split/X_{name}.npy"], mmap_mode="r")) for name in parts}

    n_parts = np.zeros(len(labels), dtype=np.int64)  # in how many parts each row lies
    for name in parts:
        n_parts += np.bincount(rows[name], minlength=len(labels))
    is_limited = parameters.train_rows is not None or parameters.validation_rows is not None
    findings = {
        "a row lies in both parts, or twice in one": (n_parts > 1).any(),
        "a labelled row lies in neither part": not is_limited and (n_parts == 0).any(),
        "a label is not its row's own": any((written[name] != labels[rows[name]]).any() for name in parts),
        "rows and pixels differ in number": any(n_pixel_rows[name] != len(rows[name]) for name in parts),
        "the parts are not stratified": parameters.stratify
        and parameters.validation > 0
        and not is_limited
        and not is_stratified(labels, written["validation"], parameters.validation),
    }
    if found := [finding for finding, is_wrong in findings.items() if is_wrong]:
        raise StageError(
            "split did not write what it should: " + "; ".join(found), where="split/", hint=not_as_written("split")
        )
