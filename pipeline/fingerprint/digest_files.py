"""The two fingerprints of a file: of its bytes, and of what it holds.

``file_digest`` is of the bytes and finds every flipped bit. ``content_digest`` is of the values of a table or an
array, so that a newer Parquet writer, another row-group size or another zip time changes nothing downstream.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipeline.fingerprint.values import digest, encode

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 20  # bytes read at a time
COLUMNS = 256  # of a table, read at a time


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    values = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):  # hashlib.file_digest clears a buffer for each file, however small
            values.update(block)
    return values.hexdigest()


def file_digests(paths: Iterable[Path]) -> dict[Path, str]:
    """Hash several files side by side; hashing releases the interpreter lock."""
    distinct = sorted(set(paths))
    if len(distinct) < 2:  # no thread is worth starting
        return {path: file_digest(path) for path in distinct}
    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(distinct, pool.map(file_digest, distinct), strict=True))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect no garbage while the block runs: threads that read arrays side by side could disturb each other.

    NumPy parses an array's header with ``ast.literal_eval``, and Python 3.11 counts the depth of a tree for all threads
    together. A finaliser that runs in the middle of it lets another thread parse: then one of them may fail with
    `SystemError: AST constructor recursion depth mismatch`.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def content_digest(path: Path) -> str:
    """Return the fingerprint of what a file means: the values of a table or an array, else its bytes."""
    match path.suffix:
        case ".parquet":
            return _table_digest(path)
        case ".npy":
            with path.open("rb") as file:
                return digest(["array", *_array_parts(file)])
        case ".npz":
            return _archive_digest(path)
        case ".json":
            return digest(["json", json.loads(path.read_bytes())])
        case _:
            return file_digest(path)


def _array_parts(file: IO[bytes]) -> list[object]:
    """Return dtype, shape, memory order and the hash of the values of an open .npy stream."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    if dtype.hasobject:
        raise TypeError("an array of Python objects has no canonical form")
    values = hashlib.sha256()
    while block := file.read(BLOCK):
        values.update(block)
    # a one-dimensional array lies the same way in both orders
    return [dtype.str, list(shape), bool(fortran_order) and len(shape) > 1, values.hexdigest()]


def _archive_digest(path: Path) -> str:
    """Hash the arrays of an .npz by name, whatever their order, compression and times."""
    import zipfile  # a run with nothing to do hashes bytes only

    parts: dict[str, object] = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                parts[name] = _array_parts(member)
    return digest(["archive", parts])


def _table_digest(path: Path) -> str:
    """Hash a Parquet file column by column: names, types and values, not row groups or encodings."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # not Python's `open`: docs/decisions/csv.md says why
    with pa.OSFile(os.fsencode(path)) as file, pq.ParquetFile(file, page_checksum_verification=True) as table:
        schema = table.schema_arrow
        columns = [_ColumnHash() for _ in schema]
        for group in range(table.num_row_groups):
            for some in _slices(schema.names):
                part = table.read_row_group(group, columns=None if some == slice(None) else schema.names[some])
                for column, values in zip(columns[some], part.columns, strict=True):
                    for chunk in values.chunks:
                        column.update(chunk)
        kinds = [_kind(field.type) for field in schema]
        return digest(["table", list(schema.names), kinds, [column.parts() for column in columns]])


def _slices(names: Sequence[str]) -> list[slice]:
    """Cut columns into parts that can be read one by one: a wide table's pages take more memory than its values.

    Parquet selects columns by name. A name that occurs twice, or has a dot, selects others too: then there is one part.
    """
    if len(set(names)) < len(names) or any("." in name for name in names):
        return [slice(None)]
    return [slice(start, start + COLUMNS) for start in range(0, len(names), COLUMNS)]


def _kind(kind: pa.DataType) -> str:
    """Name a column's type, with the variants that hold the same values folded into one."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_large_string(kind) or types.is_string(kind) or types.is_string_view(kind):
        return "text"
    return str(kind)


class _ColumnHash:
    """The hash of one column's values, and of the rows without a value; chunks may end anywhere."""

    def __init__(self) -> None:
        self._values = hashlib.sha256()
        self._nulls = hashlib.sha256()
        self._rows = 0

    def update(self, values: pa.Array) -> None:
        from pyarrow import types

        kind, first_row = values.type, self._rows
        self._rows += len(values)
        if values.null_count:
            for row, value in enumerate(values.is_null().to_pylist(), start=first_row):
                if value:
                    self._nulls.update(encode(row))
        if types.is_integer(kind) or types.is_floating(kind):
            self._values.update(values.drop_null().to_numpy(zero_copy_only=True))
        else:  # nulls have a tag of their own; drop_null does not know some kinds of text
            for value in values.to_pylist():
                self._values.update(encode(value))

    def parts(self) -> list[object]:
        return [self._values.hexdigest(), self._nulls.hexdigest()]
