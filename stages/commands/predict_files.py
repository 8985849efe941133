"""What the network says about new files: CSVs in the competition's layout, and pictures; and how that is written.

Pixels pass through in blocks; what is kept is the answers, a few numbers a row.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, DataError
from pipeline.stage import Source
from stages.images.digit_framing import Framing
from stages.images.picture_to_input import is_picture, picture_as_image
from stages.ingest.csv.faults import COPY_AGAIN, CUT_OFF, bad_rows_error, explain
from stages.ingest.csv.header import header_cells, read_layout
from stages.ingest.csv.labels import Labels
from stages.ingest.csv.layout import Layout, layout_without_header
from stages.ingest.csv.parse import parse_block
from stages.ingest.csv.sift import BadRows, sift_block
from stages.ingest.csv.streams import RawCsv, open_raw
from stages.ingest.sources.zip_files import require_readable
from stages.shared.documents import Label
from stages.shared.messages import counted

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

BLOCK_ROWS = 4096
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".avif"}
OUTPUT_SUFFIXES = (".csv", ".parquet")

Probabilities = NDArray[np.float32]
Predict = Callable[[NDArray[np.uint8]], Probabilities]  # raw images (m, n_pixels) -> (m, n_classes)


@dataclass(slots=True)
class Predictions:
    """What the network says about one file.

    Attributes
    ----------
    file : as it was named
    is_picture : whether it is one; then there is a single row
    P : float32 (m, n_classes), the probabilities
    ids, labels : of each row of a CSV that has them, else empty
    """

    file: str
    is_picture: bool
    P: Probabilities
    ids: list[str] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def records(self, classes: Sequence[Label]) -> Iterator[dict[str, Any]]:
        """One mapping a row, as --json shows it; what the file lacks is None."""
        best = self.P.argmax(axis=1)
        for row, index in enumerate(best.tolist()):
            yield {
                "file": self.file,
                "row": None if self.is_picture else row,
                "id": self.ids[row] if self.ids else None,
                "label": self.labels[row] if self.labels else None,
                "predicted": classes[index],
                "confidence": shortest(self.P[row, index]),
                "probabilities": {str(label): shortest(p) for label, p in zip(classes, self.P[row], strict=True)},
            }

    def n_correct(self, classes: Sequence[Label]) -> int:
        """How many of the labelled rows are recognised."""
        said = (classes[index] for index in self.P.argmax(axis=1).tolist())
        return sum(label == predicted for label, predicted in zip(self.labels, said, strict=False))


def shortest(value: np.float32) -> float:
    """A number of 32 bits as the shortest decimal that means it."""
    return float(str(value))


def ranked(p: Probabilities, classes: Sequence[Label]) -> list[tuple[Label, float]]:
    """The classes and their probabilities ``p`` (n_classes,), the likeliest first."""
    return sorted(zip(classes, map(shortest, p), strict=True), key=lambda item: -item[1])


def find_file(name: str, folder: Path) -> Path:
    """The file called ``name``, seen from ``folder``; ConfigError if there is none, DataError if it may not be read."""
    path = folder / Path(name).expanduser()
    if not os.path.lexists(path):
        raise ConfigError(f"there is no file '{name}'", where=str(path), hint="check the path")
    if path.is_dir():
        hint = f"name a file, or several: {name.rstrip('/')}/*.png"
        raise ConfigError(f"'{name}' is a folder, not a file", where=str(path), hint=hint)
    require_readable(path)
    return path


def looks_like_picture(path: Path) -> bool:
    """Whether a file is a picture by its first bytes, or calls itself one."""
    with path.open("rb") as file:
        return is_picture(file.read(8)) or path.suffix.lower() in PICTURE_SUFFIXES


def predict_picture(name: str, path: Path, size: tuple[int, int], framing: Framing, predict: Predict) -> Predictions:
    """What the network says about a picture, once it is an image of ``size`` (height, width)."""
    return Predictions(name, is_picture=True, P=predict(picture_as_image(path, *size, framing).reshape(1, -1)))


def require_no_zip(path: Path) -> None:
    """The file is no zip, which only a run reads."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            hint = "predict takes a CSV or a picture: unzip it first, or use pipeline run all"
            raise DataError(f"{path.name} is a zip", where=str(path), hint=hint)


def predict_csv(
    name: str,
    path: Path,
    *,
    size: tuple[int, int],
    classes: Sequence[Label],
    parameters: IngestParameters,
    predict: Predict,
) -> Predictions:
    """What the network, trained on images of ``size`` (height, width), says about every row of a CSV.

    Raises
    ------
    DataError
        It is no such table, or a row is not valid: then there is no answer at all.
    """
    labels = Labels(tuple(classes) if isinstance(classes[0], str) else None)
    found, bad, answers = Predictions(name, is_picture=False, P=np.empty((0, len(classes)), np.float32)), BadRows(), []
    waiting: list[NDArray[np.uint8]] = []  # blocks (m, n_pixels)
    n_rows = 0
    with open_raw(Source("predict", path)) as raw:
        require_no_zip(path)
        layout = read_csv_layout(raw, size, parameters)
        for block in chain(raw.blocks(), [b""]):
            rows = parse_block(block, layout, labels) if block else None
            if rows is None and block:
                rows, bad_rows = sift_block(block, raw.first_line + n_rows, layout, labels)
                bad.add(bad_rows)
                n_rows += len(bad_rows)
            if rows is not None:
                n_rows += len(rows)
                found.ids += rows.ids
                found.labels += rows.labels
                waiting.append(rows.pixels.T)
            if waiting and (not block or sum(map(len, waiting)) >= BLOCK_ROWS):
                answers.append(predict(np.concatenate(waiting)))
                waiting = []
    if bad.n:
        is_cut_off = raw.ends_within_line and bad.has_part_of(raw.first_line + n_rows - 1, layout)
        more, hint = (f": {CUT_OFF}", COPY_AGAIN) if is_cut_off else ("", "correct these lines")
        error = bad_rows_error(explain(bad.kept, layout, labels), bad.n, n_rows, layout, hint="", more=more)
        raise DataError(error.what, where=error.where, hint=hint)
    if not n_rows:
        raise DataError(f"{layout.file} has a header, but no rows", where=layout.file.path, hint="check the file")
    found.P = np.concatenate(answers)
    return found


def read_csv_layout(raw: RawCsv, size: tuple[int, int], parameters: IngestParameters) -> Layout:
    """The layout of a CSV of images of ``size`` (height, width), with or without labels and ids."""
    line, n_pixels = raw.read_header(), size[0] * size[1]
    if parameters.has_header:
        layout = read_layout(line, raw.name, parameters)
    else:
        n_columns = len(header_cells(line, raw.name))
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


def require_output(name: str, folder: Path, artifacts: Path, inputs: Sequence[Path]) -> Path:
    """The file to write, seen from ``folder``: a table by its ending, in a folder that is there, and none of ours.

    Raises
    ------
    ConfigError
        It is not.
    """
    path = folder / Path(name).expanduser()
    problem = hint = ""
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        problem, hint = "ends neither in .csv nor in .parquet", f"--output {path.stem or 'answers'}.csv"
    elif path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else "lies in a folder that is not there"
        hint = "name a file in a folder that is there"
    elif any(path.exists() and path.samefile(each) for each in inputs):
        problem, hint = "is one of the files to read", "give it another name"
    elif path.resolve().is_relative_to(artifacts.resolve()):
        problem, hint = "lies in artifacts/, where only stages write", "put it elsewhere"
    if problem:
        raise ConfigError(f"--output {name} {problem}", where=str(path), hint=hint)
    return path.resolve()


def write_answers(path: Path, answers: Sequence[Predictions], classes: Sequence[Label]) -> None:
    """Write a line for each row, as CSV or Parquet: all of it or nothing, in place of what stood there.

    Columns are ``file``, ``row``, ``id`` and ``label`` (where a file has them), ``predicted``, ``confidence`` and a
    ``p_<label>`` for each class.
    """
    columns = [
        name
        for name, is_there in (
            ("file", True),
            ("row", not all(each.is_picture for each in answers)),
            ("id", any(each.ids for each in answers)),
            ("label", any(each.labels for each in answers)),
            ("predicted", True),
            ("confidence", True),
        )
        if is_there
    ]
    records = (record for each in answers for record in each.records(classes))
    fresh = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        if path.suffix.lower() == ".csv":
            write_csv(fresh, columns, records, classes)
        else:
            write_parquet(fresh, columns, list(records), classes)
        fresh.replace(path)
    except OSError as error:
        raise DataError(f"{path.name} cannot be written: {error.strerror}", where=str(path)) from error
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()


def write_csv(path: Path, columns: list[str], records: Iterator[dict[str, Any]], classes: Sequence[Label]) -> None:
    """Write the records as UTF-8 with line feeds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, *(f"p_{label}" for label in classes)])
        for record in records:
            writer.writerow([*(record[name] for name in columns), *record["probabilities"].values()])


def write_parquet(path: Path, columns: list[str], records: list[dict[str, Any]], classes: Sequence[Label]) -> None:
    """Write the records with the types that evaluate/predictions.parquet has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    label = pa.string() if isinstance(classes[0], str) else pa.int64()
    types = {"file": pa.string(), "row": pa.int64(), "id": pa.string(), "confidence": pa.float32()}
    arrays = {name: pa.array([record[name] for record in records], types.get(name, label)) for name in columns}
    for each in classes:
        values = [record["probabilities"][str(each)] for record in records]
        arrays[f"p_{each}"] = pa.array(values, pa.float32())
    pq.write_table(pa.table(arrays), path)
