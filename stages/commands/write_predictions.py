"""Write predictions to a CSV or Parquet file that the person names: all of it or nothing."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipeline.errors import ConfigError, DataError
from stages.commands.predictions import FilePredictions
from stages.shared.documents import Label

OUTPUT_SUFFIXES = (".csv", ".parquet")


def require_output(name: str, folder: Path, artifacts: Path, inputs: Sequence[Path]) -> Path:
    """The file to write, relative to ``folder``: CSV or Parquet by its ending, and not in artifacts/.

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


def write_predictions(path: Path, predictions: Sequence[FilePredictions], classes: Sequence[Label]) -> None:
    """Write a line for each row, as CSV or Parquet: all of it or nothing. An older file is replaced.

    Columns are ``file``, ``row``, ``id`` and ``label`` (where a file has them), ``predicted``, ``confidence`` and a
    ``p_<label>`` for each class.
    """
    columns = [
        name
        for name, is_there in (
            ("file", True),
            ("row", not all(each.is_picture for each in predictions)),
            ("id", any(each.ids for each in predictions)),
            ("label", any(each.labels for each in predictions)),
            ("predicted", True),
            ("confidence", True),
        )
        if is_there
    ]
    records = (record for each in predictions for record in each.records(classes))
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
        with suppress(OSError):
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
    with path.open("wb") as file:
        pq.write_table(pa.table(arrays), file)
