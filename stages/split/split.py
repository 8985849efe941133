"""Split: divide the labelled rows into training and validation, and scale every pixel to [0, 1].

The rows are shuffled once, and each part is a fair sample of them. Where classes are held out in proportion, a part is
written in the table's order; otherwise it keeps the shuffled one. Pixels pass block by block from Parquet into .npy
files that later stages map: memory does not grow with the number of rows. The normaliser is fitted on training rows
only.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from numpy.typing import NDArray

from pipeline.errors import DataError, StageError
from pipeline.stage import Outcome, Task
from stages.ingest.image_table import read_pixel_blocks
from stages.shared.arrays import Inputs, Labels, Pixels
from stages.shared.documents import encode_document
from stages.shared.messages import counted
from stages.shared.parquet import read_column
from stages.split.documents import Images, Normaliser

if TYPE_CHECKING:
    from stages.split.parameters import SplitParameters

BLOCK_ROWS = 1024


class Profile(msgspec.Struct, frozen=True):
    """What split needs of ingest/profile.json."""

    height: int
    width: int
    label_name: str
    n_test: int


@dataclass(frozen=True, slots=True)
class Division:
    """Row numbers into train.parquet, int64: (n_train,) and (n_validation,)."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def split(task: Task[SplitParameters]) -> Outcome:
    """Write both parts' normalised pixels, labels and row numbers, and the normalised test pixels.

    Raises
    ------
    DataError
        A class has too few rows to be divided, or the images are not of the profile's size.
    StageError
        What lies on disk afterwards is not what was meant to be written.
    """
    parameters = task.parameters
    train_table, test_table = task.inputs["ingest/train.parquet"], task.inputs["ingest/test.parquet"]
    profile = msgspec.json.decode(task.inputs["ingest/profile.json"].read_bytes(), type=Profile)
    n_pixels, n_test = profile.height * profile.width, profile.n_test
    labels = as_labels(read_column(train_table, profile.label_name, stage="ingest"))  # (m,)
    n_rows, dtype = len(labels) + n_test, np.dtype(parameters.dtype)

    whole = divide(labels, parameters)
    division = Division(whole.train[: parameters.train_rows], whole.validation[: parameters.validation_rows])
    if parameters.stratify:
        # Written and read in the table's order, a large set costs no jumps to and fro; training shuffles anyway.
        division = Division(np.sort(division.train), np.sort(division.validation))
    normaliser = fit_normaliser(parameters.normalise, train_table, division.train, n_rows=len(labels))

    parts = {"train": division.train, "validation": division.validation, "test": np.arange(n_test)}
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(RowFile(task.outputs[f"split/X_{name}.npy"], (len(rows), n_pixels), dtype))
            for name, rows in parts.items()
        }
        n_done = 0
        for table, names, n_table in (
            (train_table, ("train", "validation"), len(labels)),
            (test_table, ("test",), n_test),
        ):
            positions = {name: position_of(parts[name], n_table) for name in names}
            for first_row, block in numbered_blocks(table, n_pixels):
                for name, position in positions.items():
                    target = position[first_row : first_row + len(block)]
                    files[name].write(target[target >= 0], normalise(block[target >= 0], normaliser, dtype))
                n_done += len(block)
                task.progress(n_done, n_rows)

    for name, rows in (("train", division.train), ("validation", division.validation)):
        np.save(task.outputs[f"split/rows_{name}.npy"], rows)
        np.save(task.outputs[f"split/labels_{name}.npy"], labels[rows])
    images = Images(
        height=profile.height,
        width=profile.width,
        normaliser=normaliser,
        n_train=len(division.train),
        n_validation=len(division.validation),
        n_test=n_test,
    )
    task.outputs["split/images.json"].write_bytes(encode_document(images))
    check_written(task, labels)
    return Outcome({"rows": f"{images.n_train:,} + {images.n_validation:,}"})


class RowFile:
    """A new .npy file of numbers (n_rows, n_pixels) whose rows are written in any order.

    A memory map would need fewer words, but every page that it touches counts as the process's memory.
    """

    def __init__(self, path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.row_bytes = shape[1] * dtype.itemsize
        self.file = path.open("w+b", buffering=0)
        write_array_header_1_0(self.file, {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
        self.first_byte = self.file.tell()
        self.file.truncate(self.first_byte + shape[0] * self.row_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, positions: NDArray[np.int64], X: Inputs) -> None:
        """Write row i of ``X`` (m, n_pixels) to row ``positions[i]``; neighbours go in one piece."""
        starts = np.flatnonzero(np.diff(positions, prepend=-2) != 1)
        places = (self.first_byte + positions[starts] * self.row_bytes).tolist()
        ends = [*(starts[1:] * self.row_bytes).tolist(), len(positions) * self.row_bytes]
        data, descriptor, first = X.reshape(-1).view(np.uint8).data, self.file.fileno(), 0
        for place, end in zip(places, ends, strict=False):  # no rows, no places
            if os.pwrite(descriptor, data[first:end], place) < end - first:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.file.name)
            first = end


def divide(labels: Labels, parameters: SplitParameters) -> Division:
    """Divide the rows of ``labels`` (m,) at random, by ``parameters.seed`` alone.

    Not stratified, the rows are those of scikit-learn's ``train_test_split(random_state=seed)``, which the
    tutorial used. Stratified, the number of validation rows of a class is its share of ``validation``, rounded
    down or up (the largest remainders up, so that the total comes out right), and every class has a row in both.
    A share of 0 holds nothing out.

    Raises
    ------
    DataError
        There are fewer than two rows, or a class that has a single one is to be stratified.
    """
    m = len(labels)
    if m < 2:
        raise DataError("there are fewer than two labelled rows, so none can be held out", where="ingest/train.parquet")
    if parameters.validation == 0.0:
        return Division(train=np.random.default_rng(parameters.seed).permutation(m), validation=np.arange(0))
    if not parameters.stratify:
        n_validation = min(math.ceil(m * parameters.validation), m - 1)
        old = np.random.RandomState(parameters.seed).permutation(m)
        return Division(train=old[n_validation:], validation=old[:n_validation])
    order = np.random.default_rng(parameters.seed).permutation(m)  # (m,)
    classes, class_of_row, n_rows = np.unique(labels, return_inverse=True, return_counts=True)
    if (n_rows < 2).any():
        single = classes[n_rows < 2]
        raise DataError(
            f"{counted(len(single), 'class has', 'classes have')} one row only, which cannot lie in both parts: "
            + ", ".join(repr(label.item()) for label in single[:5])
            + (", ..." if len(single) > 5 else ""),
            where=f"ingest/train.parquet, row {int(np.flatnonzero(labels == single[0])[0])}",
            hint="pipeline run split --set split.stratify=false, or add rows of such a class",
        )
    quota = validation_quota(n_rows, parameters.validation)  # (n_classes,)
    shuffled = class_of_row[order]
    by_class = np.argsort(shuffled, kind="stable")
    rank = np.empty(m, dtype=np.int64)  # of a row among those of its class, in shuffled order
    rank[by_class] = np.arange(m) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    held_out = rank < quota[shuffled]
    return Division(train=order[~held_out], validation=order[held_out])


def validation_quota(n_rows: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """How many rows of each class are held out, of ``n_rows`` (n_classes,), each at least 2.

    The largest-remainder method, then bounds so that both parts have a row of every class. Every quota is
    less than one row away from ``n_rows * share``.
    """
    ideal = n_rows * share
    quota = np.floor(ideal).astype(np.int64)
    n_missing = round(float(ideal.sum())) - int(quota.sum())
    quota[np.argsort(quota - ideal, kind="stable")[:n_missing]] += 1
    within: NDArray[np.int64] = np.clip(quota, 1, n_rows - 1)
    return within


def fit_normaliser(kind: str, table: Path, rows: NDArray[np.int64], *, n_rows: int) -> Normaliser:
    """The normaliser of ``kind``, seeing only the training ``rows`` (n_train,) of ``table``.

    Raises
    ------
    DataError
        ``min_max`` is asked for, and every training pixel has the same value.
    """
    if kind == "range":
        return Normaliser(kind="range", offset=0.0, scale=255.0)
    is_training = position_of(rows, n_rows) >= 0
    lowest, highest, first_row = 255, 0, 0
    for block in read_pixel_blocks(table):
        seen = block[is_training[first_row : first_row + len(block)]]
        lowest, highest = min(lowest, int(seen.min(initial=255))), max(highest, int(seen.max(initial=0)))
        first_row += len(block)
    if lowest >= highest:
        raise DataError(
            f"every pixel of the training rows is {highest}, so they have no range to scale by",
            where="ingest/train.parquet",
            hint="pipeline run split --set split.normalise=range",
        )
    return Normaliser(kind="min_max", offset=float(lowest), scale=float(highest - lowest))


def normalise(pixels: Pixels, normaliser: Normaliser, dtype: np.dtype[Any]) -> Inputs:
    """``pixels`` (m, n_pixels) as numbers in [0, 1]; what lies outside the fitted range is clipped."""
    X: Inputs = np.subtract(pixels, normaliser.offset, dtype=dtype)  # (m, n_pixels)
    X /= dtype.type(normaliser.scale)
    return np.clip(X, 0.0, 1.0, out=X)


def position_of(rows: NDArray[np.int64], n_rows: int) -> NDArray[np.int64]:
    """For each of ``n_rows`` rows its position in ``rows``, or -1: (n_rows,)."""
    position = np.full(n_rows, -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    return position


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
    """Read back what was written and see that the files fit each other.

    The engine checks every file by itself (pixels in [0, 1], say); here is what one file cannot show: the
    parts are disjoint, complete unless limited, stratified if asked for, and carry the rows' own labels.
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
        raise StageError("split did not write what it should: " + "; ".join(found), where="split/")


def is_stratified(labels: Labels, validation: Labels, share: float) -> bool:
    """Whether every class's number of validation rows is less than one row from its share."""
    classes, n_rows = np.unique(labels, return_counts=True)
    present, n_held_out = np.unique(validation, return_counts=True)
    return np.array_equal(classes, present) and bool((np.abs(n_held_out - n_rows * share) < 1).all())
