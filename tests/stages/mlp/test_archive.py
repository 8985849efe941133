"""The archive of arrays: a file that lies or is damaged is told of, and never takes more memory than it may."""

from __future__ import annotations

import io
import os
import signal
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from tracemalloc import get_traced_memory, start, stop

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.mlp.archive import ArchiveError, read_arrays, write_arrays

ARRAYS = {
    "a/W": np.arange(12, dtype=np.float32).reshape(3, 4),
    "none": np.zeros((0, 5)),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "arrays.npz"
    with path.open("wb") as file:
        write_arrays(file, {"n": np.int64(3), "text": "\u00e9"}, ARRAYS)
    return path


def npy(descr: str = "<f4", shape: str = "(2, 3)", data: bytes = bytes(24), version: bytes = b"\x01\x00") -> bytes:
    return npy_of(f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}", data, version)


def npy_of(header: str, data: bytes = bytes(24), version: bytes = b"\x01\x00") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


def objects() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([print]), allow_pickle=True)
    return file.getvalue()


def add(path: Path, content: bytes, compression: int = zipfile.ZIP_STORED, *, times: int = 1) -> None:
    with zipfile.ZipFile(path, "a", compression) as archive:
        for number in range(times):
            archive.writestr(f"more{number}.npy", content)


def test_what_is_written_is_read(path: Path) -> None:
    header, arrays = read_arrays(path)
    assert header == {"n": 3, "text": "\u00e9"}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_ctrl_c_while_an_archive_is_written_is_raised_after_its_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_array, content = np.lib.format.write_array, path.read_bytes()

    def interrupted(*arguments: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)
        write_array(*arguments, **options)

    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with path.open("wb") as file, pytest.raises(KeyboardInterrupt):
        write_arrays(file, {"n": 3, "text": "\u00e9"}, ARRAYS)
    assert path.read_bytes() == content


def test_a_compressed_archive_is_read(path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, header=np.array("{}"), W=np.arange(9.0))
    np.testing.assert_array_equal(read_arrays(path)[1]["W"], np.arange(9.0))


@pytest.mark.parametrize(
    "content",
    [
        npy(shape="(10**12,)"),
        npy(shape="(1000000000000,)"),
        npy(shape="(1000000000000000000, 1000000000000000000)"),
        npy(shape="(-2, -3)"),
        npy(shape="(2, 4)"),
        npy(shape="(1, 3)"),
        npy(shape="(nan,)"),
        npy(descr="|V4"),
        npy(descr="<U0", shape="(1000000000000,)", data=b""),
        npy(descr="|O", shape="(3,)"),
        npy(descr="<f4, (1000000000,)f8", shape="(1,)"),
        npy(version=b"\x02\x00"),
        npy_of("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}"),
        npy_of("(" * 100),
        npy_of("[" * 9000),
        objects(),
        b"",
        b"text",
    ],
)
def test_an_array_with_a_wrong_header_is_refused(path: Path, content: bytes) -> None:
    add(path, content)
    with pytest.raises(ArchiveError) as caught:
        read_arrays(path)
    assert 0 < len(str(caught.value)) <= 200


@pytest.mark.parametrize(("n_members", "n_values"), [(1, 7_500_000), (150, 25_000)])
def test_a_bomb_is_refused_unread(path: Path, n_members: int, n_values: int) -> None:
    add(path, npy("<f4", f"({n_values},)", bytes(4 * n_values)), zipfile.ZIP_DEFLATED, times=n_members)
    refused_in_little_memory(path, "10 times its own size")


def test_reading_stops_at_the_size_that_a_zip_bomb_claims(path: Path) -> None:
    content = npy("|u1", "(30000000,)", bytes(30_000_000))
    add(path, content, zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    assert data.count(struct.pack("<L", len(content))) == 2
    path.write_bytes(data.replace(struct.pack("<L", len(content)), struct.pack("<L", 500)))
    refused_in_little_memory(path, "CRC")


def refused_in_little_memory(path: Path, why: str) -> None:
    start()
    try:
        with pytest.raises(ArchiveError, match=why):
            read_arrays(path)
        assert get_traced_memory()[1] < 2_000_000
    finally:
        stop()


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused_unread(path: Path, compression: int) -> None:
    add(path, npy(), compression)
    with pytest.raises(ArchiveError, match="compressed in a way"):
        read_arrays(path)


def test_an_encrypted_member_is_refused(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="encrypted"):
        read_arrays(path)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda path: path.symlink_to(path.parent),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)),
        lambda path: path.write_text("label,pixel0"),
    ],
)
def test_a_file_that_is_not_an_archive_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "arrays.npz")
    with pytest.raises(ArchiveError):
        read_arrays(tmp_path / "arrays.npz")


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "arrays.npz")


def bytes_of_archive() -> bytes:
    file = io.BytesIO()
    write_arrays(file, {"n": 3}, ARRAYS)
    return file.getvalue()


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    bits=st.sets(st.integers(0, 8 * len(bytes_of_archive()) - 1), min_size=1, max_size=3),
    cut=st.integers(0, 40),
)
def test_flipped_bits_and_a_missing_end_give_the_arrays_or_one_error(tmp_path: Path, bits: set[int], cut: int) -> None:
    data = bytearray(bytes_of_archive())
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "damaged.npz"
    path.write_bytes(data[: len(data) - max(0, cut - 20)])
    try:
        _, arrays = read_arrays(path)
    except ArchiveError:
        return
    # What was hit is a name or a time, as it stands in the archive's directory.
    values = [array.tobytes() for array in ARRAYS.values()]
    assert all(np.ascontiguousarray(array).tobytes() in values for array in arrays.values())
