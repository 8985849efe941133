"""A zip that lies is refused before a byte of data is read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from raw_files import BOTH, find, put, zipped

from pipeline.errors import DataError
from stages.ingest.sources import zip_files


def encrypted() -> bytes:
    content = bytearray(zipped())
    for header, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + offset] |= 1
    return bytes(content)


def link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo("train.csv")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        file.writestr(info, "/etc/passwd")
        file.writestr("test.csv", "a\n")
    return buffer.getvalue()


BAD_ZIPS = {
    "no zip": (b"nothing of the kind", r"a\.zip is not a zip"),
    "a web page": (b"\n<!DOCTYPE html><html></html>", r"a\.zip is a web page"),
    "cut off": (zipped()[:-30], r"a\.zip begins as a zip does, but is cut off"),
    "empty": (b"", r"a\.zip is empty"),
    "without test.csv": (zipped("train.csv"), r"holds no test\.csv"),
    "without either": (zipped("a.txt"), r"holds no train\.csv and no test\.csv; it holds a\.txt\n"),
    "two train.csv": (zipped(*BOTH, "b/train.csv"), r"holds train\.csv twice"),
    "the same name twice": (zipped(*BOTH, "train.csv"), r"holds train\.csv twice"),
    "climbs out": (zipped(*BOTH, "../../etc/cron.d/x"), "leads out of the folder"),
    "climbs out the Windows way": (zipped(*BOTH, "..\\x"), "leads out of the folder"),
    "absolute": (zipped(*BOTH, "/etc/x"), "leads out of the folder"),
    "password": (encrypted(), "password"),
    "link": (link(), "is a link"),
}


@pytest.mark.parametrize(("content", "what"), BAD_ZIPS.values(), ids=BAD_ZIPS.keys())
def test_a_zip_that_cannot_be_trusted_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    put(tmp_path / "data", "a.zip")
    (tmp_path / "data/a.zip").write_bytes(content)
    with pytest.raises(DataError, match=what) as error:
        find(tmp_path)
    assert error.value.hint
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "data"]


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_files, "ALWAYS_ALLOWED_BYTES", 100_000)
    put(tmp_path, "bomb.zip")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("test.csv", "a\n")
        file.writestr("train.csv", "0,0,0\n" * 200_000)
    with pytest.raises(DataError, match="more than 200 times"):
        find(tmp_path, archive="bomb.zip")
