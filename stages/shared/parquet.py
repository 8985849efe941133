"""Parquet tables of every stage, with checksums on their pages: a flipped bit is an error, never another value."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import shortage
from stages.shared.damaged_error import damaged


def open_writer(path: Path, schema: pa.Schema, encodings: Mapping[str, str] | None = None) -> pq.ParquetWriter:
    """A writer of Parquet with page checksums; the caller hands it one row group at a time.

    ``encodings`` maps the names of columns to the way in which they are packed. There are no statistics: on 785
    columns they cost a tenth of the time, and nobody filters images by pixel5.
    """
    file = path.open("wb")  # given a path, pyarrow refuses one that is not UTF-8
    writer = pq.ParquetWriter(
        file,
        schema,
        compression="lz4",
        use_dictionary=False,
        column_encoding=dict(encodings or {}),
        write_statistics=False,
        write_page_checksum=True,
    )
    writer.file_handle = file  # so that the writer closes it
    return writer


def write_table(path: Path, columns: Mapping[Any, Any]) -> None:
    """Write a small table, e.g. ``{"ImageId": ids}``, in one go."""
    table = pa.table(columns)
    with open_writer(path, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def open_table(path: Path, *, stage: str) -> Iterator[pq.ParquetFile]:
    """Open a table that ``stage`` wrote, for reading with its checksums checked.

    Raises
    ------
    DataError
        The file is missing, is no Parquet, or its bytes are damaged; also while it is being read.
    """
    try:
        path.open("rb").close()  # Python's errors are clearer than Arrow's
        # not Python's `open`: docs/decisions/csv.md says why
        with pa.OSFile(os.fsencode(path)) as opened, pq.ParquetFile(opened, page_checksum_verification=True) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        if shortage(error):  # then nothing is wrong with the file
            raise
        reason = str(error).splitlines()[0][:200]
        raise damaged(path, f"cannot be read: {reason}", stage) from error


def read_column(path: Path, name: str, *, stage: str) -> NDArray[Any]:
    """One column of a table that ``stage`` wrote: (m,) int64, or object holding str where the column is text.

    Raises
    ------
    DataError
        The file is missing or damaged, or has no such column.
    """
    with open_table(path, stage=stage) as file:
        if name not in file.schema_arrow.names:
            raise damaged(path, f"there is no column {name!r}", stage)
        column: NDArray[Any] = file.read(columns=[name]).column(0).to_numpy()
    return column
