"""What bad input gets: one short message that names file, line and column, and never silently other values."""

from __future__ import annotations

import gzip
import io
import re
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandera.config import config_context

from pipeline.errors import DataError, PipelineError
from pipeline.stage import Outcome
from stages import archive, raw_csv
from stages.tables import read_column, read_pixel_blocks
from stages.wording import FileName

Ingest = Callable[..., Outcome]

HEADER = "label," + ",".join(f"pixel{index}" for index in range(16))
PIXELS = np.random.default_rng(3).integers(0, 256, (12, 16))
ROWS = [f"{index % 3}," + ",".join(map(str, row)) for index, row in enumerate(PIXELS)]
TRAIN = "\n".join([HEADER, *ROWS]) + "\n"
TEST = "\n".join(line.split(",", 1)[1] for line in [HEADER, *ROWS[:5]]) + "\n"


def changed(row: int, column: int, value: str) -> str:
    """TRAIN with another value in a cell; the header is row 0, the label column 0."""
    lines = [line.split(",") for line in TRAIN.splitlines()]
    lines[row][column] = value
    return "\n".join(",".join(line) for line in lines) + "\n"


def renamed(old: str, new: str) -> str:
    return TRAIN.replace(old, new, 1)


def without_column(text: str, column: int) -> str:
    lines = [line.split(",") for line in text.splitlines()]
    return "\n".join(",".join(line[:column] + line[column + 1 :]) for line in lines) + "\n"


def moved_column(column: int) -> str:
    lines = [line.split(",") for line in TRAIN.splitlines()]
    return "\n".join(",".join([*line[:column], *line[column + 1 :], line[column]]) for line in lines) + "\n"


def quoted_pair(row: str) -> str:
    first, second, rest = row.split(",", 2)
    return f'"{first},{second}",{rest}'


def relabelled(*labels: int) -> str:
    rows = [f"{label}," + row.split(",", 1)[1] for label, row in zip(labels, ROWS, strict=True)]
    return "\n".join([HEADER, *rows]) + "\n"


# What is wrong, train.csv, and what the message says; the last in its ``where``.
BAD_TRAIN: dict[str, tuple[str | bytes, str, str]] = {
    "empty file": ("", "is empty", "train.csv"),
    "nothing but line ends": ("\n\n\n", "is empty", "train.csv"),
    "header only": (HEADER + "\n", "no rows", "train.csv"),
    "no header where one is expected": ("\n".join(ROWS) + "\n", "holds numbers", "line 1"),
    "a doubled column": (renamed("pixel7", "pixel6"), "'pixel6' stands in it twice", "line 1, column 9"),
    "a missing column": (without_column(TRAIN, 6), "'pixel5' is missing", "line 1, column 7"),
    "an extra column": (renamed("label,", "label,weight,"), "'weight' is neither", "line 1, column 2"),
    "a misnamed pixel": (renamed("pixel5", "pixle5"), "'pixle5' is neither", "line 1, column 7"),
    "a misnamed label": (renamed("label", "lable"), "'lable' is neither", "line 1, column 1"),
    "no label column": (without_column(TRAIN, 0), "no label column", "line 1"),
    "columns in another order": (renamed("pixel5,pixel6", "pixel6,pixel5"), "'pixel6' stands after", "column 7"),
    "the label behind the pixels": (moved_column(0), "after the first pixel", "line 1, column 17"),
    "columns in falling order": (
        ",".join(["label", *HEADER.split(",")[:0:-1]]) + TRAIN.removeprefix(HEADER),
        "'pixel14' stands after",
        "column 3",
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
    "a class with a single row": (relabelled(*[0, 1] * 5, 0, 2), "2 has 1", "column label"),
    "UTF-16": (TRAIN.encode("utf-16"), "UTF-16", "first bytes"),
    "UTF-16 without its mark": (TRAIN.encode("utf-16-le"), "UTF-16", "first bytes"),
    "Latin-1 in the header": (renamed("label", "étiquette").encode("latin-1"), "not UTF-8", "line 1, byte 1"),
    "Latin-1 in a row": (changed(3, 0, "é").encode("latin-1"), "1 of the 12", "line 4: the line is not UTF-8"),
    "old Macintosh line ends": (TRAIN.replace("\n", "\r"), "carriage return", "line 1"),
    "a carriage return within a row": (changed(3, 4, "1\r2"), "1 of the 12", r"line 4, column pixel3: '1\r2'"),
    "JSON": ('{"label": 1}\n', "is JSON", "first bytes"),
    "a PNG": (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG image", "first bytes"),
    "a web page": ("<!DOCTYPE html><html></html>\n", "web page", "first bytes"),
    "a zip under the name of a CSV": (b"PK\x03\x04" + bytes(50), "is a zip", "first bytes"),
    "something else altogether": (bytes(range(1, 9)) + b"\n", "is damaged, or not a CSV", "first bytes"),
    "random bytes": (np.random.default_rng(0).bytes(5000), "is damaged, or not a CSV", "first bytes"),
    "a NUL byte in the header": (renamed("pixel5", "pix\0l5"), "is damaged, or not a CSV", "first bytes"),
    "a table of something else": ("name,age\na,3\n", "named like a pixel", "line 1"),
    "semicolons": (TRAIN.replace(",", ";"), "semicolons", "line 1"),
    "tabs": (TRAIN.replace(",", "\t"), "tabs", "line 1"),
    "a truncated gzip": (gzip.compress(TRAIN.encode())[:-20], "damaged or cut off", "train.csv"),
    "a gzip with a flipped bit": (gzip.compress(TRAIN.encode())[:-8] + bytes(8), "damaged or cut off", "train.csv"),
}


@pytest.mark.parametrize(("content", "what", "where"), BAD_TRAIN.values(), ids=BAD_TRAIN.keys())
def test_a_bad_training_file_is_answered_with_one_clear_error(
    ingest: Ingest, content: str | bytes, what: str, where: str
) -> None:
    with pytest.raises(DataError) as error:
        ingest({"train.csv": content, "test.csv": TEST}, classes=(0, 1, 2))
    assert what in error.value.what
    assert where in error.value.where
    assert_is_short(error.value)


@pytest.mark.parametrize("where", ["data/train.csv, line 1, column 9", "data/a.zip: train.csv, line 1, column 9"])
def test_an_error_names_the_file_by_its_path_from_the_working_folder(
    ingest: Ingest, tmp_path: Path, where: str
) -> None:
    bad = renamed("pixel7", "pixel6")
    files: dict[str, str | bytes] = {"train.csv": bad, "test.csv": TEST}
    with pytest.raises(DataError) as error:
        ingest({"a.zip": zip_of_both(bad)} if "a.zip" in where else files)
    assert error.value.where == f"{tmp_path}/{where}"


def test_a_truncated_gzip_states_no_position(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        ingest({"train.csv.gz": gzip.compress(TRAIN.encode())[:-20], "test.csv": TEST})
    assert error.value.where == f"{tmp_path}/data/train.csv.gz"


def assert_is_short(error: PipelineError) -> None:
    text = str(error)
    assert error.mend
    assert len(text.splitlines()) <= 12
    assert len(text) < 2000


BAD_CELLS = ["256", "-1", "1.5", "1.0", "1e2", "abc", "", "NaN", "NA", " 5", "5 ", "\t5", "007", "00", "0x1F", "+5",
             "-0", "true", "\0", "5\0", "٣", '5"', '"5', '5"6"', '"5"6', '""', "99999999999999999999"]  # fmt: skip


@pytest.mark.parametrize("cell", BAD_CELLS, ids=ascii)
def test_a_cell_that_is_not_plainly_a_byte_is_refused(ingest: Ingest, tmp_path: Path, cell: str) -> None:
    with pytest.raises(DataError) as error:
        ingest({"train.csv": changed(4, 3, cell), "test.csv": TEST})
    assert "line 5" in error.value.where
    assert "column pixel2" in error.value.where or "quotation marks" in error.value.where
    assert_is_short(error.value)
    faults = pq.read_table(tmp_path / "report/ingest/failures.parquet").to_pylist()
    assert [fault["line"] for fault in faults] == [5]


@pytest.mark.parametrize("cell", BAD_CELLS, ids=ascii)
def test_a_label_that_is_not_plainly_a_number_is_refused(ingest: Ingest, cell: str) -> None:
    if cell in {"256", "-1"}:
        pytest.skip("a label may be any whole number")
    with pytest.raises(DataError) as error:
        ingest({"train.csv": changed(4, 0, cell), "test.csv": TEST})
    assert "line 5" in error.value.where
    assert_is_short(error.value)


def test_a_text_label_is_told_how_to_be_allowed(ingest: Ingest) -> None:
    with pytest.raises(DataError) as error:
        ingest({"train.csv": changed(4, 0, "cat"), "test.csv": TEST})
    assert "'cat' is not a whole number (if labels are texts, list them in ingest.classes)" in error.value.where


def test_many_faults_are_counted_shown_in_part_and_kept_in_failures(ingest: Ingest, tmp_path: Path) -> None:
    rows = [row.replace(",", ",9", 1) if index < 8 else row for index, row in enumerate(ROWS)]
    rows = [re.sub(r"^(\d),9\d*", r"\1,999", row) for row in rows]
    with pytest.raises(DataError) as error:
        ingest({"train.csv": "\n".join([HEADER, *rows]) + "\n", "test.csv": TEST})
    assert error.value.what == "8 of the 12 rows of train.csv are not valid"
    assert "and 3 more lines" in error.value.where
    assert_is_short(error.value)
    faults = pq.read_table(tmp_path / "report/ingest/failures.parquet").to_pylist()
    assert [fault["line"] for fault in faults] == list(range(2, 10))
    assert faults[0] == {
        "line": 2,
        "column": "pixel0",
        "value": "999",
        "rule": "not a whole number from 0 to 255",
    }


def test_a_file_of_nothing_but_wrong_cells_is_answered_shortly(ingest: Ingest) -> None:
    train = re.sub(r",(\d+)", r",0.\1", TRAIN.replace("pixel", "PIXEL")).replace("PIXEL", "pixel")
    with pytest.raises(DataError) as error:
        ingest({"train.csv": train, "test.csv": TEST})
    assert error.value.what == "12 of the 12 rows of train.csv are not valid"
    assert "(and 15 more here)" in error.value.where
    assert_is_short(error.value)


def test_a_bad_row_names_its_line_in_a_later_block(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_csv, "BLOCK_BYTES", 200)
    train = changed(11, 1, "256").replace(ROWS[4], ROWS[4] + ",1")
    with pytest.raises(DataError) as error:
        ingest({"train.csv": train, "test.csv": TEST})
    assert "line 6: the line has 18 cells" in error.value.where
    assert "line 12, column pixel0" in error.value.where


def test_pandera_speaks_even_where_it_is_turned_off(ingest: Ingest) -> None:
    with config_context(validation_enabled=False), pytest.raises(DataError) as error:  # PANDERA_VALIDATION_ENABLED
        ingest({"train.csv": changed(3, 3, "256"), "test.csv": TEST})
    assert "line 4, column pixel2: '256'" in error.value.where


# --- train and test, and the sample submission -----------------------------------------------------------------------


def test_train_and_test_of_different_width_are_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="16 and 15 pixels"):
        ingest({"train.csv": TRAIN, "test.csv": without_column(TEST, 15)})


def test_images_that_are_not_square_ask_for_their_size(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="15 pixels an image, pixel0 to pixel14, which is not a square") as error:
        ingest({"train.csv": without_column(TRAIN, 16), "test.csv": without_column(TEST, 15)})
    assert "ingest.height" in error.value.mend


def test_train_and_test_with_other_names_are_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="'pixel0' and 'px0'"):
        ingest({"train.csv": TRAIN, "test.csv": TEST.replace("pixel", "px")})


def test_a_test_set_without_rows_is_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"test\.csv has a header, but no rows"):
        ingest({"train.csv": TRAIN, "test.csv": TEST.splitlines()[0] + "\n"})


def test_a_size_that_does_not_fit_is_refused(ingest: Ingest) -> None:
    with pytest.raises(PipelineError, match="images of 3 x 5 have 15 pixels"):
        ingest({"train.csv": TRAIN, "test.csv": TEST}, height=3)


def test_classes_of_two_kinds_are_refused(ingest: Ingest) -> None:
    with pytest.raises(PipelineError, match="all whole numbers or all texts"):
        ingest({"train.csv": TRAIN, "test.csv": TEST}, classes=(0, "1"))


def with_ids(*ids: object) -> str:
    return "\n".join(f"{each},{line}" for each, line in zip(["id", *ids], TEST.splitlines(), strict=True)) + "\n"


BAD_SUBMISSIONS = {
    "too few rows": ("ImageId,Label\n1,0\n", TEST, "it has 1 rows, and the test set has 5"),
    "too many rows": ("ImageId,Label\n" + "".join(f"{n},0\n" for n in range(9)), TEST, "belongs to another test set"),
    "other ids": ("id,l\n" + "".join(f"{n},0\n" for n in range(5)), with_ids(9, 1, 2, 3, 4), "to another test set"),
    "doubled ids": ("ImageId,Label\n" + "1,0\n" * 5, TEST, "stand more than once"),
    "one column": ("ImageId\n1\n2\n3\n4\n5\n", TEST, "1 columns, not an id and a label"),
    "a ragged row": ("ImageId,Label\n1,0\n2\n3,0\n4,0\n5,0\n", TEST, "not an id and a label"),
    "no id": ("ImageId,Label\n1,0\n,0\n3,0\n4,0\n5,0\n", TEST, "not an id and a label"),
    "another file": ("<html>", TEST, "web page"),
}  # fmt: skip


@pytest.mark.parametrize(("sample", "test", "what"), BAD_SUBMISSIONS.values(), ids=BAD_SUBMISSIONS.keys())
def test_a_sample_submission_that_does_not_fit_is_refused(ingest: Ingest, sample: str, test: str, what: str) -> None:
    with pytest.raises(DataError) as error:
        ingest({"train.csv": TRAIN, "test.csv": test, "sample_submission.csv": sample})
    assert what in error.value.what
    assert "sample_submission.csv" in error.value.what
    assert_is_short(error.value)


def test_test_ids_that_stand_twice_are_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"test\.csv has 1 ids that stand more than once"):
        ingest({"train.csv": TRAIN, "test.csv": with_ids(1, 2, 3, 2, 5)})


def test_an_empty_test_id_is_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="1 of the 5 rows") as error:
        ingest({"train.csv": TRAIN, "test.csv": with_ids(1, 2, "", 4, 5)})
    assert "line 4, column id: '' is not an id" in error.value.where


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
    raw = raw_csv.RawCsv(FileName("train.csv", "data/train.csv"), 0, file.read, lambda _: 0.0)

    def read_it_all() -> None:
        raw.read_header()
        list(raw.blocks())

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="a line of more than 4,194,304 bytes") as error:
        read_it_all()
    assert_is_short(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_endless_blank_lines_are_refused(monkeypatch: pytest.MonkeyPatch, ingest: Ingest) -> None:
    monkeypatch.setattr(raw_csv, "BLOCK_BYTES", 200)
    monkeypatch.setattr(raw_csv, "LONGEST_LINE", 200)
    with pytest.raises(DataError, match="more than 200 bytes"):
        ingest({"train.csv": TRAIN + "\n" * 1000 + ROWS[0], "test.csv": TEST})


def test_a_gzip_bomb_is_refused(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    monkeypatch.setattr(raw_csv, "BLOCK_BYTES", 100_000)
    bomb = gzip.compress(HEADER.encode() + b"\n" + b"0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n" * 100_000)
    with pytest.raises(DataError, match=r"expands to over \d,\d{3},\d{3} bytes") as error:
        ingest({"train.csv": bomb, "test.csv": TEST})
    assert_is_short(error.value)


# --- random damage ---------------------------------------------------------------------------------------------------


def strictly_read(content: bytes) -> list[list[int]] | None:
    """An independent, slow reader of TRAIN's layout: rows of numbers, or None if anything is not plainly right."""
    lines = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").rstrip(b"\r\n").split(b"\n")
    rows = []
    for line in lines[1:]:
        cells = [re.sub(rb'^"([^"]*)"$', rb"\1", cell) for cell in line.split(b",")]
        if len(cells) != 17 or not all(re.fullmatch(rb"0|-?[1-9][0-9]*", cell) for cell in cells):
            return None
        rows.append([int(cell) for cell in cells])
    return rows if all(0 <= value <= 255 for row in rows for value in row[1:]) else None


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """``content`` with one to three bytes flipped, spans cut or inserted, or lines swapped."""
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.integers(0, max(len(content) - 1, 0)))
        kind = draw(st.sampled_from(["flip", "cut", "insert", "swap", "truncate"]))
        if kind == "flip" and content:
            content = content[:where] + bytes([content[where] ^ 1 << draw(st.integers(0, 7))]) + content[where + 1 :]
        elif kind == "cut":
            content = content[:where] + content[where + draw(st.integers(1, 60)) :]
        elif kind == "insert":
            likely = st.sampled_from([b",", b"\n", b'"', b" ", b"0", b"\r", b"-", b"\0", b"\xff", b"\n\n", b",,"])
            content = content[:where] + draw(likely | st.binary(min_size=1, max_size=8)) + content[where:]
        elif kind == "swap":
            lines = content.split(b"\n")
            first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            lines[first], lines[second] = lines[second], lines[first]
            content = b"\n".join(lines)
        else:
            content = content[:where]
    return content


def table_after(ingest: Ingest, tmp_path: Path, files: dict[str, str | bytes]) -> list[list[int]] | None:
    """The training table as rows of numbers, or None after one clear error."""
    try:
        ingest(files)
    except PipelineError as error:
        assert_is_short(error)
        return None
    pixels = np.concatenate(list(read_pixel_blocks(tmp_path / "ingest/train.parquet")))
    labels = read_column(tmp_path / "ingest/train.parquet", "label")
    table: list[list[int]] = np.column_stack([labels, pixels.astype(np.int64)]).tolist()
    return table


RANDOM = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@given(content=damage(TRAIN.encode()))
@settings(RANDOM, max_examples=80)
def test_a_damaged_csv_is_refused_or_read_as_it_stands(ingest: Ingest, tmp_path: Path, content: bytes) -> None:
    table = table_after(ingest, tmp_path, {"train.csv": content, "test.csv": TEST})
    assert table is None or table == strictly_read(content)


@given(content=damage(gzip.compress(TRAIN.encode(), mtime=0)))
@settings(RANDOM, max_examples=60)
def test_a_damaged_gzip_is_refused_or_harmless(ingest: Ingest, tmp_path: Path, content: bytes) -> None:
    table = table_after(ingest, tmp_path, {"train.csv": content, "test.csv": TEST})
    assert table in (None, strictly_read(TRAIN.encode()))


def zip_of_both(train: str = TRAIN) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in (("train.csv", train), ("test.csv", TEST)):
            file.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@given(content=damage(zip_of_both()))
@settings(RANDOM, max_examples=100)
def test_a_damaged_zip_is_refused_or_harmless(ingest: Ingest, tmp_path: Path, content: bytes) -> None:
    table = table_after(ingest, tmp_path, {"a.zip": content})
    assert table in (None, strictly_read(TRAIN.encode()))
