"""The predictions for one file, row by row, as they are printed, and written to a file that the person names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from stages.commands.probabilities import shortest
from stages.commands.write_output import output_file, write_csv
from stages.shared.arrays import Probabilities
from stages.shared.documents import Label


@dataclass(slots=True)
class FilePredictions:
    r"""The predictions for one file.

    Attributes
    ----------
    file : its name as it was given, bytes that are not UTF-8 as ``\xe9``
    is_picture : whether it is one; then there is a single row
    P : float32 (m, n_classes), the probabilities
    ids, labels : of each row of a CSV that has them, else empty; None for a row without a label among others
    warnings : how its images differ from the training images, or that a picture may show several digits
    """

    file: str
    is_picture: bool
    P: Probabilities
    ids: list[str] = field(default_factory=list)
    labels: list[Label | None] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

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
        predicted = (classes[index] for index in self.P.argmax(axis=1).tolist())
        return sum(label == own for label, own in zip(predicted, self.labels, strict=False))


def optional_columns(predictions: Sequence[FilePredictions]) -> list[str]:
    """Which of ``row``, ``id`` and ``label`` at least one of the files has."""
    are_there = {
        "row": not all(each.is_picture for each in predictions),
        "id": any(each.ids for each in predictions),
        "label": any(each.labels for each in predictions),
    }
    return [name for name, is_there in are_there.items() if is_there]


def write_predictions(path: Path, predictions: Sequence[FilePredictions], classes: Sequence[Label]) -> None:
    """Write a line for each row, as CSV or Parquet: all of it or nothing. An older file is replaced.

    Columns are ``file``, ``row``, ``id`` and ``label`` (where a file has them), ``predicted``, ``confidence`` and a
    ``p_<label>`` for each class.
    """
    columns = ["file", *optional_columns(predictions), "predicted", "confidence"]
    records = (record for each in predictions for record in each.records(classes))
    if path.suffix.lower() == ".csv":
        rows = ([*(record[name] for name in columns), *record["probabilities"].values()] for record in records)
        write_csv(path, [*columns, *(f"p_{label}" for label in classes)], rows)
    else:
        with output_file(path) as file:
            write_parquet(file, columns, list(records), classes)


def write_parquet(file: IO[bytes], columns: list[str], records: list[dict[str, Any]], classes: Sequence[Label]) -> None:
    """Write the records with the types that evaluate/predictions.parquet has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    label = pa.string() if isinstance(classes[0], str) else pa.int64()
    types = {"file": pa.string(), "row": pa.int64(), "id": pa.string(), "confidence": pa.float32()}
    arrays = {name: pa.array([record[name] for record in records], types.get(name, label)) for name in columns}
    for each in classes:
        values = [record["probabilities"][str(each)] for record in records]
        arrays[f"p_{each}"] = pa.array(values, pa.float32())
    pq.write_table(pa.table(arrays), file)
