"""Image tables: bounded groups of rows, written aside, and errors of writing that come out."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.ingest import image_table
from stages.ingest.image_table import Contract, ImageTable, read_contract, read_pixel_blocks
from stages.shared.parquet import read_column

NAMES = ("pixel0", "pixel1", "pixel2")


@pytest.mark.parametrize(
    ("rows_per_group", "pixels_per_group", "groups"), [(4, 999, [4, 4, 3]), (99, 18, [6, 5]), (99, 1, [1] * 11)]
)
def test_a_row_group_is_bounded_by_rows_and_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_group: int, pixels_per_group: int, groups: list[int]
) -> None:
    monkeypatch.setattr(image_table, "ROWS_PER_GROUP", rows_per_group)
    monkeypatch.setattr(image_table, "PIXELS_PER_GROUP", pixels_per_group)
    pixels, path = np.arange(33, dtype=np.uint8).reshape(11, 3), tmp_path / "a.parquet"
    contract = Contract(rows=11, label="label", id=None, classes=())
    with ImageTable(path, {"label": pa.int64()}, NAMES) as table:
        for start, stop in ((0, 5), (5, 5), (5, 11)):
            table.add(pixels[start:stop].T, {"label": list(range(start, stop))})
        table.describe(contract)
    with pq.ParquetFile(path) as file:
        assert read_contract(file) == contract
        metadata = file.metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == groups
    np.testing.assert_array_equal(np.concatenate(list(read_pixel_blocks(path))), pixels)
    assert read_column(path, "label", stage="ingest").tolist() == list(range(11))


@pytest.mark.parametrize("n_rows", [1, 4, 9], ids=["at last", "at once", "later"])
def test_a_full_disk_in_another_thread_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_rows: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(image_table, "ROWS_PER_GROUP", 4)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)

    def write() -> None:
        with ImageTable(tmp_path / "a.parquet", {}, NAMES) as table:
            table.add(np.zeros((3, n_rows), dtype=np.uint8), {})
            table.describe(Contract(rows=n_rows, label=None, id=None, classes=()))

    with pytest.raises(OSError, match="No space"):
        write()


def test_the_encodings_are_such_as_every_reader_of_parquet_knows(tmp_path: Path) -> None:
    with ImageTable(tmp_path / "a.parquet", {"id": pa.string()}, NAMES) as table:
        table.add(np.zeros((3, 2), dtype=np.uint8), {"id": ["a", "b"]})
        table.describe(Contract(rows=2, label=None, id="id", classes=()))
    group = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0)
    used = {encoding for column in range(4) for encoding in group.column(column).encodings}
    assert used <= {"PLAIN", "RLE", "DELTA_BINARY_PACKED"}
