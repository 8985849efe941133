"""Equal files have equal fingerprints and different files do not, in whatever form their values are written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fingerprint import digest_files
from pipeline.fingerprint.digest_files import content_digest, file_digest, file_digests

# bytes ---------------------------------------------------------------------------------------------


@given(data=st.binary(min_size=1, max_size=50), where=st.integers(0, 49), bit=st.integers(0, 7))
def test_one_flipped_bit_changes_the_digest_of_a_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, where: int, bit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(data)
    before = file_digest(path)
    flipped = bytearray(data)
    flipped[where % len(data)] ^= 1 << bit
    path.write_bytes(flipped)
    assert file_digest(path) != before


def test_several_files_are_hashed_as_each_would_be_alone(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text(path.name * 3)
    assert file_digests([*paths, paths[0]]) == {path: file_digest(path) for path in paths}


# tables --------------------------------------------------------------------------------------------

NAMED = pa.table({"label": ["b", "a", None, "b"], "pixel0": pa.array([0, 255, 7, None], pa.uint8())})


def table_digest(path: Path, table: pa.Table, **options: object) -> str:
    pq.write_table(table, path, **options)
    return content_digest(path)


def recoded(kind: pa.DataType) -> pa.Table:
    return NAMED.set_column(0, "label", NAMED["label"].combine_chunks().cast(kind))


@pytest.mark.parametrize(
    ("table", "options"),
    [
        (NAMED, {"row_group_size": 1}),
        (NAMED, {"compression": "zstd"}),
        (NAMED, {"compression": "none", "use_dictionary": False}),
        (NAMED, {"version": "1.0", "data_page_version": "2.0"}),
        (NAMED, {"write_page_checksum": True, "write_statistics": False}),
        (NAMED.replace_schema_metadata({"written_by": "somebody else"}), {}),
        (recoded(pa.large_string()), {}),
        (recoded(pa.string_view()), {}),
        (recoded(pa.dictionary(pa.int8(), pa.string())), {}),
        (NAMED.set_column(1, "pixel0", NAMED["pixel0"].combine_chunks().dictionary_encode()), {}),
        (pa.concat_tables([NAMED.slice(0, 1), NAMED.slice(1)]), {}),
    ],
)
def test_a_table_is_its_values_and_not_how_they_were_written(
    tmp_path: Path, table: pa.Table, options: dict[str, object]
) -> None:
    plain = table_digest(tmp_path / "plain.parquet", NAMED)
    assert table_digest(tmp_path / "other.parquet", table, **options) == plain


@pytest.mark.parametrize("names", ["abcde", ["a", "a.b", "c", "d", "e"], ["a", "b", "a", "d", "e"]])
@pytest.mark.parametrize("n_columns", [1, 2, 4, 5])
def test_wide_tables_do_not_depend_on_how_many_columns_are_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], n_columns: int
) -> None:
    table = pa.table([pa.array([first, None, first + 2]) for first in range(5)], names=list(names))
    at_once = table_digest(tmp_path / "t.parquet", table)
    monkeypatch.setattr(digest_files, "COLUMNS", n_columns)
    assert table_digest(tmp_path / "t.parquet", table, row_group_size=2) == at_once
    other = table.set_column(4, names[4], pa.array([4, None, 7]))
    assert table_digest(tmp_path / "t.parquet", other) != at_once


def test_long_tables_do_not_depend_on_where_row_groups_end(tmp_path: Path) -> None:
    rows = 40_000
    table = pa.table(
        {"n": pa.array([None if n % 7 == 0 else n for n in range(rows)]), "t": [str(n) for n in range(rows)]}
    )
    digests = {table_digest(tmp_path / "t.parquet", table, row_group_size=size) for size in (rows, 9_999, 16_384)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    "other",
    [
        pa.table({"label": ["b", "a", None, "c"], "pixel0": pa.array([0, 255, 7, None], pa.uint8())}),
        pa.table({"label": ["b", "a", "", "b"], "pixel0": pa.array([0, 255, 7, None], pa.uint8())}),
        pa.table({"label": ["b", "a", None, "b"], "pixel0": pa.array([0, 255, 7, 0], pa.uint8())}),
        pa.table({"label": ["b", "a", None, "b"], "pixel0": pa.array([0, 255, None, 7], pa.uint8())}),
        pa.table({"label": ["b", "a", None, "b"], "pixel0": pa.array([0, 255, 7, None], pa.int16())}),
        pa.table({"label": ["b", "a", None, "b"], "pixel1": pa.array([0, 255, 7, None], pa.uint8())}),
        NAMED.select(["pixel0", "label"]),
        NAMED.select(["label"]),
        NAMED.slice(0, 3),
        pa.table({"label": [b"b", b"a", None, b"b"], "pixel0": pa.array([0, 255, 7, None], pa.uint8())}),
    ],
    ids=["value", "null to empty", "null to zero", "null moved", "type", "name", "order", "column", "row", "bytes"],
)
def test_every_difference_between_tables_shows(tmp_path: Path, other: pa.Table) -> None:
    assert table_digest(tmp_path / "a.parquet", NAMED) != table_digest(tmp_path / "b.parquet", other)


# arrays --------------------------------------------------------------------------------------------


def npy_digest(path: Path, array: np.ndarray) -> str:
    np.save(path, array)
    return content_digest(path)


def test_an_array_is_its_type_shape_order_and_values(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    path = tmp_path / "array.npy"
    same = npy_digest(path, array)
    assert npy_digest(path, array.copy()) == same
    others = [array.astype(np.float64), array.reshape(3, 2), array + 1, np.asfortranarray(array), array.astype(">f4")]
    assert len({same, *(npy_digest(path, other) for other in others)}) == 1 + len(others)


def test_an_array_of_one_dimension_has_no_order(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    column = np.asfortranarray(np.arange(6).reshape(2, 3))[:, 1]
    assert npy_digest(path, column) == npy_digest(path, column.copy())


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(TypeError, match="objects"):
        content_digest(path)


def archived(path: Path, write: Callable[[zipfile.ZipFile], None], compression: int = zipfile.ZIP_STORED) -> str:
    with zipfile.ZipFile(path, "w", compression) as archive:
        write(archive)
    return content_digest(path)


def test_an_archive_is_its_arrays_whatever_their_order_compression_and_times(tmp_path: Path) -> None:
    arrays = {"W1": np.ones((2, 3), np.float32), "b1": np.zeros(3, np.float32)}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    members = {f"{name}.npy": (tmp_path / f"{name}.npy").read_bytes() for name in arrays}

    def written(names: list[str], year: int) -> Callable[[zipfile.ZipFile], None]:
        def write(archive: zipfile.ZipFile) -> None:
            for name in names:
                archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), members[name], archive.compression)

        return write

    path = tmp_path / "model.npz"
    np.savez(path, **arrays)
    same = content_digest(path)
    assert archived(path, written(["W1.npy", "b1.npy"], 1999)) == same
    assert archived(path, written(["b1.npy", "W1.npy"], 2030)) == same
    assert archived(path, written(["b1.npy", "W1.npy"], 2030), zipfile.ZIP_DEFLATED) == same
    np.savez(path, W1=arrays["W1"], b2=arrays["b1"])
    assert content_digest(path) != same
    np.savez(path, W1=arrays["W1"] * 2, b1=arrays["b1"])
    assert content_digest(path) != same


# other files ---------------------------------------------------------------------------------------


def test_the_content_of_json_is_its_values_and_not_its_layout(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    value = {"accuracy": 0.5, "rows": [1, 2]}
    path.write_text(json.dumps(value))
    same = content_digest(path)
    path.write_text(json.dumps({"rows": [1, 2], "accuracy": 0.50}, indent=4))
    assert content_digest(path) == same
    path.write_text(json.dumps({"accuracy": 0.5, "rows": [1, 2.0]}))
    assert content_digest(path) != same


def test_any_other_file_is_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_text("a,b\n")
    assert content_digest(path) == file_digest(path)
