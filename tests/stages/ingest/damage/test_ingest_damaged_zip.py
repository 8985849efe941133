"""A zip damaged where zipfile and its decompressors have errors of their own: the error names the zip."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_csv import HEADER, TEST, TRAIN, Ingest, assert_is_short

from pipeline.errors import DataError
from pipeline.task import Source, file_identity
from stages.ingest.csv import streams
from stages.ingest.csv.open_raw import open_raw
from stages.ingest.sources import zip_files


def zip_packed_with(method: int, name: str = "train.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr(name, TRAIN)
        file.writestr("test.csv", TEST)
    return buffer.getvalue()


def test_a_changed_byte_in_a_members_local_name_is_damage(ingest: Ingest) -> None:
    content = zip_packed_with(zipfile.ZIP_DEFLATED, "é/train.csv")  # marked as UTF-8
    damaged = content.replace("é/train.csv".encode(), b"\xff\xff/train.csv", 1)
    with pytest.raises(DataError, match=r"a\.zip") as error:
        ingest({"a.zip": damaged})
    assert_is_short(error.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("filler", [b"\x00", b"\xff"], ids=ascii)
@pytest.mark.parametrize("offset", [1, 4, 9, 60])
def test_damage_within_a_member_is_told_whatever_packed_it(
    ingest: Ingest, method: int, filler: bytes, offset: int
) -> None:
    content = zip_packed_with(method)
    start = 30 + len("train.csv") + offset
    with pytest.raises(DataError, match=r"a\.zip") as error:
        ingest({"a.zip": content[:start] + filler * 40 + content[start + 40 :]})
    assert_is_short(error.value)


def test_a_method_of_packing_that_python_does_not_know_is_told(ingest: Ingest) -> None:
    """Windows packs files of over 2 GB with method 9."""
    places = rb"(PK\x03\x04.{4}|PK\x01\x02.{6})\x08\0"
    other = re.sub(places, rb"\1" + b"\t\0", zip_packed_with(zipfile.ZIP_DEFLATED), flags=re.DOTALL)
    with pytest.raises(DataError, match=r"a\.zip is packed by a method that Python cannot unpack") as error:
        ingest({"a.zip": other})
    assert "unpack it" in error.value.hint


def test_a_member_in_folders_of_endless_names_is_shown_shortly(ingest: Ingest) -> None:
    content = zip_packed_with(zipfile.ZIP_STORED, "x" * 3000 + "/train.csv")
    with pytest.raises(DataError, match=r"a\.zip") as error:
        ingest({"a.zip": content.replace(b"label,", b"label;")})
    assert "/train.csv" in error.value.where
    assert len(error.value.where) < 500
    assert_is_short(error.value)


def lying_zip(claimed_size: int | None = None) -> bytes:
    """A bomb whose directory says that it takes 4 exbibytes, and ``claimed_size`` bytes once it is unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("test.csv", TEST)
        file.writestr("train.csv", HEADER + "\n" + "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n" * 100_000)
        info = file.getinfo("train.csv")  # from which the directory is written in the end
        info.compress_size, info.file_size = 2**62, claimed_size or info.file_size
    return buffer.getvalue()


def test_a_directory_that_claims_a_large_compressed_size_does_not_switch_the_guard_off(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_files, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    with pytest.raises(DataError, match=r"would grow from \d{1,2},\d{3} to 3,\d{3},\d{3} bytes, more than 200 times"):
        ingest({"a.zip": lying_zip()})


def test_a_bomb_is_recognised_by_the_bytes_of_its_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_files, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    monkeypatch.setattr(streams, "BLOCK_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("train.csv", "0,0,0,0,0,0,0,0,0\n" * 500_000)
        file.writestr("beside it.bin", np.random.default_rng(0).bytes(200_000))
    with (
        pytest.raises(DataError, match=r"train\.csv expands from [\d,]+ to over \d,\d{3},\d{3} bytes") as error,
        open_raw(Source("train", tmp_path / "a.zip", "train.csv")) as raw,
    ):
        list(raw.blocks())
    assert_is_short(error.value)


def test_a_file_that_is_another_one_than_was_fingerprinted_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(TRAIN)
    source = Source("train", path, identity=file_identity(path.stat()))
    with open_raw(source) as raw:
        assert raw.read_header().decode() == HEADER
    other = tmp_path / "other.csv"
    other.write_text(TRAIN)
    path.unlink()
    path.symlink_to(other)
    with pytest.raises(DataError, match=r"train\.csv was exchanged or changed while the stage ran"), open_raw(source):
        pass
