"""Write predictions to a CSV or Parquet file that the person names: all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from stages.commands.predict.file_predictions import FilePredictions, optional_columns
from stages.commands.write_output import output_file, write_csv
from stages.shared.documents import Label


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
