"""A zip damaged where zipfile and its decompressors have errors of their own: the error names the zip."""

from __future__ import annotations

import io
import zipfile

import pytest
from small_csv import TEST, TRAIN, Ingest, assert_is_short

from pipeline.errors import DataError


def zip_packed_with(method: int, name: str = "train.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr(name, TRAIN)
        file.writestr("test.csv", TEST)
    return buffer.getvalue()


def test_a_changed_byte_in_a_members_local_name_is_told_as_damage(ingest: Ingest) -> None:
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


def test_a_member_in_folders_of_endless_names_is_shown_shortly(ingest: Ingest) -> None:
    content = zip_packed_with(zipfile.ZIP_STORED, "x" * 3000 + "/train.csv")
    with pytest.raises(DataError, match=r"a\.zip") as error:
        ingest({"a.zip": content.replace(b"label,", b"label;")})
    assert "/train.csv" in error.value.where
    assert len(error.value.where) < 500
    assert_is_short(error.value)
