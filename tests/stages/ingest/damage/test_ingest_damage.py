"""What bad input gets: one short message that names file, line and column."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_csv import (
    HEADER,
    ROWS,
    TEST,
    TRAIN,
    Ingest,
    assert_is_short,
    changed,
    quoted_pair,
    refusal,
    relabelled,
    renamed,
    without_column,
    zip_of_both,
)

from pipeline.errors import ConfigError, DataError
from stages.ingest.bad_rows import bad_lines
from stages.ingest.csv import streams
from stages.ingest.sources import zip_files as archive
from stages.shared.messages import FileName

# What is wrong, train.csv, and what the message says; the last in its ``where``.
BAD_TRAIN: dict[str, tuple[str | bytes, str, str]] = {
    "empty file": ("", "is empty", "train.csv"),
    "nothing but line ends": ("\n\n\n", "is empty", "train.csv"),
    "header only": (HEADER + "\n", "no rows", "train.csv"),
    "no header where one is expected": ("\n".join(ROWS) + "\n", "holds numbers", "line 1"),
    "no header, and labels that are texts": (
        "\n".join(ROWS).replace("0,", "cat,", 1) + "\n",
        "holds numbers",
        "line 1",
    ),
    "a doubled column": (renamed("pixel7", "pixel6"), "'pixel6' stands in it twice", "line 1, column 9"),
    "a missing column": (without_column(TRAIN, 6), "'pixel5' is missing", "line 1, column 7"),
    "an extra column": (renamed("label,", "label,weight,"), "'weight' is neither", "line 1, column 2"),
    "a misnamed pixel": (renamed("pixel5", "pixle5"), "'pixle5' is neither", "line 1, column 7"),
    "a pixel of too many digits": (renamed("pixel5", "pixel" + "5" * 5000), "...' is neither", "line 1, column 7"),
    "a name without an end": (renamed("pixel5", "x" * 5000), "...' is neither", "line 1, column 7"),
    "an endless name that stands twice": (
        HEADER.replace("pixel5", "pixel1" + "2" * 5000).replace("pixel6", "pixel1" + "2" * 5000) + "\n",
        "...' stands in it twice",
        "column 8",
    ),
    "a misnamed label": (
        renamed("label", "lable"),
        "the label column 'label' is missing, and 'lable' is no pixel",
        "line 1, column 1",
    ),
    "no label column": (without_column(TRAIN, 0), "no label column", "line 1"),
    "columns in another order": (renamed("pixel5,pixel6", "pixel6,pixel5"), "'pixel6' stands after", "column 7"),
    "columns in falling order": (
        ",".join(["label", *HEADER.split(",")[:0:-1]]) + TRAIN.removeprefix(HEADER),
        "'pixel15' stands first, where 'pixel0' must stand",
        "column 2",
    ),
    "two numbers in one pair of quotation marks": (
        TRAIN.replace(ROWS[2], quoted_pair(ROWS[2])),
        "1 of the 12",
        "line 4: ",
    ),
    "lone carriage returns that make up for zeros": (
        changed(5, 5, "007").replace("\n", "\r", 4).replace("\r", "\n", 2),
        "of the 1",
        "line 3: the line has 49 cells",
    ),
    "an empty name": (renamed("pixel5,", ","), "'' is neither", "line 1, column 7"),
    "a row that is too short": (
        TRAIN.replace(ROWS[3], ROWS[3].rsplit(",", 1)[0]),
        "1 of the 12",
        "line 5: the line has 16",
    ),
    "a row that is too long": (TRAIN.replace(ROWS[3], ROWS[3] + ",1"), "1 of the 12", "line 5: the line has 18"),
    "a truncated last row": (TRAIN[:-30], "1 of the 12", "line 13: the line has"),
    "a blank line between rows": (TRAIN.replace(ROWS[3], "\n" + ROWS[3]), "1 of the 13", "line 5: the line is blank"),
    "a label outside the classes": (changed(3, 0, "7"), "1 of the 12", "line 4, column label: '7' is none of"),
    "a missing label": (changed(3, 0, ""), "1 of the 12", "line 4, column label: '' is none of"),
    "one class only": (relabelled(*[1] * 12), "nothing to tell apart", "train.csv"),
    "a class with a single row": (
        relabelled(*[0, 1] * 5, 0, 2),
        "1 of the 3 classes has fewer than 2 rows",
        "column label\n    label 2 in line 13",
    ),
    "UTF-16": (TRAIN.encode("utf-16"), "UTF-16", "first bytes"),
    "UTF-16 without its mark": (TRAIN.encode("utf-16-le"), "UTF-16", "first bytes"),
    "Latin-1 in the header": (renamed("label", "étiquette").encode("latin-1"), "not UTF-8", "line 1, byte 1"),
    "Latin-1 in a row": (changed(3, 0, "é").encode("latin-1"), "1 of the 12", "line 4: the line is not UTF-8"),
    "old Macintosh line ends": (TRAIN.replace("\n", "\r"), "carriage return", "line 1"),
    "a carriage return within a row": (changed(3, 4, "1\r2"), "1 of the 12", r"line 4, column pixel3: '1\r2'"),
    "xz": (lzma.compress(TRAIN.encode()), "is compressed with xz", "first bytes"),
    "bzip2": (bz2.compress(TRAIN.encode()), "is compressed with bzip2", "first bytes"),
    "JSON": ('{"label": 1}\n', "is JSON", "first bytes"),
    "a PNG": (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG image", "first bytes"),
    "a web page": ("<!DOCTYPE html><html></html>\n", "web page", "first bytes"),
    "a web page after a blank line": ("\r\n \n<html></html>\n", "web page", "first bytes"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(26) + b"docProps/app.xml", "is a spreadsheet", "first bytes"),
    "an IDX file": (b"\0\0\x08\x03" + bytes(12), "is an IDX file", "first bytes"),
    "Arrow": (b"ARROW1\0\0\xff\xff\xff\xff", "is an Arrow file", "first bytes"),
    "Feather": (b"FEA1\0\0\0\0\1\0\0\0", "is an Arrow file", "first bytes"),
    "Parquet": (b"PAR1\x15\x04\x15\x10", "is a Parquet file", "first bytes"),
    "SQLite": (b"SQLite format 3\0\x10\0", "is an SQLite database", "first bytes"),
    "libsvm": ("5 12:3 14:255\n", "is a libsvm file", "first bytes"),
    "a zip under the name of a CSV": (b"PK\x03\x04" + bytes(50), "is a zip", "first bytes"),
    "something else altogether": (bytes(range(1, 9)) + b"\n", "is damaged, or not a CSV", "first bytes"),
    "random bytes": (np.random.default_rng(0).bytes(5000), "is damaged, or not a CSV", "first bytes"),
    "a NUL byte in the header": (renamed("pixel5", "pix\0l5"), "is damaged, or not a CSV", "first bytes"),
    "a table of something else": ("name,age\na,3\n", "named like a pixel", "line 1"),
    "semicolons": (TRAIN.replace(",", ";"), "semicolons", "line 1"),
    "tabs": (TRAIN.replace(",", "\t"), "tabs", "line 1"),
    "a truncated gzip": (gzip.compress(TRAIN.encode())[:-20], "train.csv is cut off: its end is missing", "train.csv"),
    "a gzip with a flipped bit": (
        gzip.compress(TRAIN.encode())[:-8] + bytes(8),
        "train.csv is damaged: CRC check failed",
        "train.csv",
    ),
}


@pytest.mark.parametrize(("content", "what", "where"), BAD_TRAIN.values(), ids=BAD_TRAIN.keys())
def test_a_bad_training_file_gives_one_clear_error(ingest: Ingest, content: str | bytes, what: str, where: str) -> None:
    error = refusal(ingest, content, classes=(0, 1, 2))
    assert what in error.what
    assert where in error.where


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"train.csv": renamed("pixel7", "pixel6"), "test.csv": TEST}, "train.csv, line 1, column 9"),
        ({"a.zip": zip_of_both(renamed("pixel7", "pixel6"))}, "a.zip: train.csv, line 1, column 9"),
        ({"train.csv.gz": gzip.compress(TRAIN.encode())[:-20], "test.csv": TEST}, "train.csv.gz"),
    ],
    ids=["plain", "zip", "cut off"],
)
def test_an_error_names_the_file_by_its_path_from_the_working_folder(
    ingest: Ingest, tmp_path: Path, files: dict[str, Any], where: str
) -> None:
    with pytest.raises(DataError) as error:
        ingest(files)
    assert error.value.where == f"{tmp_path}/data/{where}"


BAD_CELLS = ["256", "-1", "1.5", "1.0", "1e2", "abc", "", "NaN", "NA", " 5", "5 ", "\t5", "007", "00", "0x1F", "+5",
             "-0", "true", "\0", "5\0", "٣", '5"', '"5', '5"6"', '"5"6', '""', "99999999999999999999"]  # fmt: skip


@pytest.mark.parametrize("cell", BAD_CELLS, ids=ascii)
def test_a_cell_that_is_not_plainly_a_byte_is_refused(ingest: Ingest, tmp_path: Path, cell: str) -> None:
    error = refusal(ingest, changed(4, 3, cell))
    assert "line 5" in error.where
    assert "column pixel2" in error.where or "quotation marks" in error.where
    faults = pq.read_table(tmp_path / "report/ingest/failures.parquet").to_pylist()
    assert [fault["line"] for fault in faults] == [5]


@pytest.mark.parametrize("cell", BAD_CELLS, ids=ascii)
def test_a_label_that_is_not_plainly_a_number_is_refused(ingest: Ingest, cell: str) -> None:
    if cell in {"256", "-1"}:
        pytest.skip("a label may be any whole number")
    error = refusal(ingest, changed(4, 0, cell))
    assert "line 5" in error.where


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("pixel3", "pxel3", "rename it to pixel3"),
        ("pixel3", "", "rename it to pixel3"),
        ("pixel3", "ink", "rename it to pixel3"),
        ("pixel15", "pxel15", "rename it to pixel15 or remove it"),
        ("label", "LABEL", "if LABEL holds the labels, use --set ingest.label=LABEL, or rename it to label"),
        ("pixel15\n", "pi\n", "the header seems cut off: copy or download the file again, or remove this column"),
    ],
)
def test_a_misnamed_column_is_told_the_name_that_may_be_meant(ingest: Ingest, old: str, new: str, hint: str) -> None:
    assert refusal(ingest, renamed(old, new)).hint == hint


def test_a_label_called_like_a_pixel_of_a_file_without_header_is_refused(ingest: Ingest) -> None:
    files: dict[str, str | bytes] = {"train.csv": "\n".join(ROWS) + "\n", "test.csv": TEST.split("\n", 1)[1]}
    with pytest.raises(ConfigError, match="what a pixel of a file without a header is called"):
        ingest(files, has_header=False, label="pixel0")


def test_many_faults_are_counted_shown_in_part_and_kept_in_failures(ingest: Ingest, tmp_path: Path) -> None:
    rows = [row.replace(",", ",9", 1) if index < 8 else row for index, row in enumerate(ROWS)]
    rows = [re.sub(r"^(\d),9\d*", r"\1,999", row) for row in rows]
    error = refusal(ingest, "\n".join([HEADER, *rows]) + "\n")
    assert error.what == "8 of the 12 rows of train.csv are not valid"
    assert "and 3 more lines" in error.where
    faults = pq.read_table(tmp_path / "report/ingest/failures.parquet").to_pylist()
    assert [fault["line"] for fault in faults] == list(range(2, 10))
    assert faults[0] == {
        "file": "train.csv",
        "line": 2,
        "column": "pixel0",
        "value": "999",
        "rule": "not a whole number from 0 to 255",
    }


def test_a_file_of_only_wrong_cells_gives_a_short_message(ingest: Ingest) -> None:
    train = re.sub(r",(\d+)", r",0.\1", TRAIN.replace("pixel", "PIXEL")).replace("PIXEL", "pixel")
    error = refusal(ingest, train)
    assert error.what == "12 of the 12 rows of train.csv are not valid"
    assert "(and 15 more faults in this line)" in error.where


def test_a_bad_row_names_its_line_in_a_later_block(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BLOCK_BYTES", 200)
    train = changed(11, 1, "256").replace(ROWS[4], ROWS[4] + ",1")
    error = refusal(ingest, train)
    assert "line 6: the line has 18 cells" in error.where
    assert "line 12, column pixel0" in error.where


def test_the_message_says_exactly_what_failures_holds(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = "\n".join([HEADER, *(f"{row},1" for row in ROWS[:8]), *ROWS]) + "\n"
    error = refusal(ingest, train)
    assert error.hint.endswith("; artifacts/ingest/failures.parquet lists every fault")
    monkeypatch.setattr(bad_lines, "ROWS_KEPT", 6)
    error = refusal(ingest, train)
    assert error.hint.endswith("; artifacts/ingest/failures.parquet lists every fault of the first 6 bad rows")
    assert pq.read_table(tmp_path / "report/ingest/failures.parquet").num_rows == 6


def test_bad_test_rows_are_all_in_failures_too(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"1 of the 5 rows of test\.csv is not valid") as error:
        ingest({"train.csv": TRAIN, "test.csv": TEST.replace("\n", ",1\n", 2).replace(",1\n", "\n", 1)})
    assert error.value.hint.endswith("; artifacts/ingest/failures.parquet lists every fault")


# --- size ------------------------------------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A file of one line that never ends, after a header."""

    def __init__(self, start: bytes) -> None:
        self.start = start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece, self.start = self.start[: len(buffer)], self.start[len(buffer) :]
        content = piece or b"1" * len(buffer)
        buffer[: len(content)] = content
        return len(content)


@pytest.mark.parametrize("start", [b"", HEADER.encode() + b"\n"], ids=["as header", "as row"])
def test_an_endless_line_is_refused_in_bounded_memory(start: bytes) -> None:
    file = io.BufferedReader(Endless(start))
    raw = streams.RawCsv(FileName("train.csv", "data/train.csv"), 0, file.read, lambda: 0)

    def read_it_all() -> None:
        raw.read_header()
        list(raw.blocks())

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="a line of more than 4,194,304 bytes") as error:
        read_it_all()
    assert_is_short(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\r\n"], ids=ascii)
@pytest.mark.parametrize("block_bytes", [*range(len(ROWS[-1]) + 1, len(ROWS[-1]) + 5), 200])
def test_blank_lines_at_the_end_are_dropped_however_many(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, block_bytes: int, end: str
) -> None:
    monkeypatch.setattr(streams, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(streams, "LONGEST_LINE", 200)
    outcome = ingest({"train.csv": TRAIN + end * 1000, "test.csv": TEST})
    assert outcome.figures["rows"] == "12 + 5 to predict"


def test_blank_lines_before_a_row_are_bad_rows_however_many(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BLOCK_BYTES", 200)
    monkeypatch.setattr(streams, "LONGEST_LINE", 200)
    with pytest.raises(DataError, match=r"1,001 of the 1,013 rows") as error:
        ingest({"train.csv": TRAIN.replace(ROWS[0], ROWS[0] + ",1") + "\n" * 1000 + ROWS[0], "test.csv": TEST})
    assert "line 2: the line has 18 cells" in error.value.where
    assert "line 14: the line is blank" in error.value.where


@pytest.mark.parametrize("flags", [8, 16, 24], ids=["name", "comment", "both"])
@pytest.mark.parametrize("before", [b"", gzip.compress(TRAIN.encode())], ids=["at once", "behind good data"])
def test_a_gzip_header_without_an_end_is_refused(ingest: Ingest, flags: int, before: bytes) -> None:
    name = b"x" * 1000 + b"\0" if flags == 24 else b""
    endless = before + bytes([0x1F, 0x8B, 8, flags, *bytes(6)]) + name + b"x" * 200_000
    with pytest.raises(DataError, match="is damaged: a gzip header in it does not end"):
        ingest({"train.csv.gz": endless, "test.csv": TEST})


def test_a_gzip_with_a_file_name_is_read(ingest: Ingest) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile("train.csv", "wb", fileobj=packed) as file:
        file.write(TRAIN.encode())
    assert packed.getvalue()[3] == 8
    assert ingest({"train.csv.gz": packed.getvalue(), "test.csv": TEST}).figures["classes"] == 3


def test_a_gzip_bomb_is_refused(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    monkeypatch.setattr(streams, "BLOCK_BYTES", 100_000)
    bomb = gzip.compress(HEADER.encode() + b"\n" + b"0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n" * 100_000)
    with pytest.raises(DataError, match=r"expands from [\d,]+ to over \d,\d{3},\d{3} bytes") as error:
        ingest({"train.csv": bomb, "test.csv": TEST})
    assert_is_short(error.value)


@pytest.mark.parametrize("place", ["gzip.GzipFile.read", "stages.ingest.csv.open_raw.read_as_csv"])
def test_too_little_memory_is_not_taken_for_damage(ingest: Ingest, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(place, no_memory)
    with pytest.raises(MemoryError):
        ingest({"train.csv.gz": gzip.compress(TRAIN.encode()), "test.csv": TEST})


def test_too_little_memory_for_a_zip_is_not_taken_for_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("zipfile.ZipFile.__init__", no_memory)
    with pytest.raises(MemoryError):
        archive.list_members(tmp_path / "train.csv.zip")
