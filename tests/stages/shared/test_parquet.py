"""Tables: what is wrong with a file is told apart from what is wrong with the machine."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import DataError
from stages.shared.parquet import open_table, write_table

NO_THREAD = "Unknown error: Failed to launch worker thread: Resource temporarily unavailable"


@pytest.mark.parametrize("error", [pa.ArrowException(NO_THREAD), pa.ArrowMemoryError("malloc of size 256 failed")])
def test_a_table_that_a_limit_keeps_from_being_read_is_not_called_damaged(tmp_path: Path, error: Exception) -> None:
    """Under a tight ulimit -u or -v; the engine then tells of the limit."""
    write_table(tmp_path / "a.parquet", {"row": [1]})
    with pytest.raises(type(error)) as raised, open_table(tmp_path / "a.parquet", stage="ingest"):
        raise error
    assert raised.value is error


def test_a_table_with_wrong_bytes_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"), open_table(tmp_path / "a.parquet", stage="ingest"):
        pass
