"""Image tables: train.parquet and test.parquet as ingest writes them, and how other stages read them.

An image table has one column for each column of the CSV, under the CSV's own name: pixels are uint8, labels int64
or text, ids text. Files are written and read one row group at a time: memory does not grow with rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from mmap import mmap
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError
from stages.shared.arrays import Pixels
from stages.shared.parquet import open_table, open_writer

# Two row groups are held in memory. Parquet's directory of row groups takes 1 to 2 KB of memory for
# each group and column, so fewer rows a group are not always less memory.
ROWS_PER_GROUP = 32_768
PIXELS_PER_GROUP = 2**25  # of images with more than 1,024 pixels a group holds fewer rows

# Parquet has no one-byte type: a pixel would take four. Packing the differences from one pixel to the next into a few
# bits is the quickest to write and to read among the encodings that every reader knows.
PIXEL_ENCODING = "DELTA_BINARY_PACKED"
PIXEL_TYPE = pa.uint8()  # by which a pixel column is known
CONTRACT_KEY = b"digit_pipeline.contract"


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an image table must hold: its rows, its label and id columns (None: it has none), and every class."""

    rows: int
    label: str | None
    id: str | None
    classes: tuple[int | str, ...]


class ImageTable:
    """Writes an image table from rows that come in blocks of any size.

    ``leading`` names the text or int64 columns that stand before the pixels, with their types. A full row group
    is written by a thread of its own while the next one is filled; so there are never more than two. The last ones are
    written while the caller goes on. After ``describe``, the file is whole once the ``with`` block is left.
    """

    def __init__(self, path: Path, leading: dict[str, pa.DataType], pixels: tuple[str, ...]) -> None:
        types = [*leading.items(), *((name, PIXEL_TYPE) for name in pixels)]
        self.schema = pa.schema([pa.field(name, type_, nullable=False) for name, type_ in types])
        self.group_rows = max(1, min(ROWS_PER_GROUP, PIXELS_PER_GROUP // len(pixels)))
        self.pixels, self.spare = (mmap_array((len(pixels), self.group_rows)) for _ in range(2))
        self.leading: dict[str, list[Any]] = {name: [] for name in leading}
        self.n_rows = 0  # in the group that is being filled
        self.writer = open_writer(path, self.schema, dict.fromkeys(pixels, PIXEL_ENCODING))
        self.thread = ThreadPoolExecutor(1)
        self.written: list[Future[None]] = []  # what the thread was given, in order

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            for each in self.written if error[0] is None else ():
                each.result()
        finally:
            self.thread.shutdown()
            self.writer.close()

    def add(self, pixels: Pixels, leading: dict[str, list[Any]]) -> None:
        """Append m rows: ``pixels`` (n_pixels, m), and a list of m values for each leading column."""
        start, m = 0, pixels.shape[1]
        while start < m:
            stop = min(m, start + self.group_rows - self.n_rows)
            self.pixels[:, self.n_rows : self.n_rows + stop - start] = pixels[:, start:stop]
            for name, values in leading.items():
                self.leading[name] += values[start:stop]
            self.n_rows += stop - start
            start = stop
            if self.n_rows == self.group_rows:
                self._hand_over()
                for last in self.written[-2:-1]:
                    last.result()  # now the memory of the last group may be filled again

    def describe(self, contract: Contract) -> None:
        """Write the last rows, and the contract, so that the file can be checked by itself."""
        self._hand_over()
        self.pixels = self.spare = np.empty((0, 0), np.uint8)  # frees their memory once the last rows are written
        self.written.append(self.thread.submit(self._finish, contract))

    def _hand_over(self) -> None:
        """Let the thread write the collected rows, after those that it already has."""
        if self.n_rows:
            columns = [*self.leading.values(), *self.pixels[:, : self.n_rows]]
            arrays = [pa.array(column, type=field.type) for column, field in zip(columns, self.schema, strict=True)]
            group = pa.table(arrays, schema=self.schema)
            self.written.append(self.thread.submit(self.writer.write_table, group))
        self.pixels, self.spare, self.n_rows = self.spare, self.pixels, 0
        self.leading = {name: [] for name in self.leading}

    def _finish(self, contract: Contract) -> None:
        self.writer.add_key_value_metadata({CONTRACT_KEY: msgspec.json.encode(contract)})
        self.writer.close()
        pa.default_memory_pool().release_unused()  # another table may be filled meanwhile


def mmap_array(shape: tuple[int, int]) -> Pixels:
    """An empty array whose memory goes back to the system once it is deleted; malloc may keep what it frees."""
    return np.frombuffer(mmap(-1, math.prod(shape)), dtype=np.uint8).reshape(shape)


def read_contract(file: pq.ParquetFile) -> Contract:
    """The contract in an open image table; DataError if there is none."""
    try:
        return msgspec.json.decode((file.metadata.metadata or {})[CONTRACT_KEY], type=Contract)
    except (KeyError, msgspec.DecodeError) as error:
        raise DataError("the table does not say what its columns are", hint="pipeline run ingest --force") from error


def pixel_names(schema: pa.Schema) -> list[str]:
    """The names of the pixel columns, in image order: they are the uint8 ones."""
    return [field.name for field in schema if field.type == PIXEL_TYPE]


def read_pixel_blocks(path: Path) -> Iterator[Pixels]:
    """The images of a table in row order, a row group at a time: C-contiguous uint8 (rows, n_pixels).

    Raises
    ------
    DataError
        The file is missing, damaged, or holds an empty cell.
    """
    with open_table(path, stage="ingest") as file:
        names = pixel_names(file.schema_arrow)
        for group in range(file.num_row_groups):
            columns = columns_as_array(file.read_row_group(group, columns=names))  # (n_pixels, rows)
            block = np.empty(columns.shape[::-1], dtype=np.uint8)
            # A few columns at a time stay in the cache: three times as fast as one transposed copy.
            for start in range(0, len(names), 16):
                block[:, start : start + 16] = columns[start : start + 16].T
            yield block


def columns_as_array(table: pa.Table) -> Pixels:
    """The columns of a table of uint8 without nulls as one array (n_columns, rows), one column a row.

    Raises
    ------
    DataError
        A cell is empty.
    """
    columns = np.empty((table.num_columns, table.num_rows), dtype=np.uint8)
    for index, column in enumerate(table.itercolumns()):
        if column.null_count:
            what = f"column {table.column_names[index]} has {column.null_count} empty cells"
            raise DataError(what, hint="pipeline run ingest --force")
        start = 0
        for chunk in column.chunks:
            columns[index, start : start + len(chunk)] = chunk.to_numpy(zero_copy_only=True)
            start += len(chunk)
    return columns
