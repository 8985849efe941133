"""Good files damaged at random: a clear error or the table as it stands, never silently other values."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_csv import TEST, TRAIN, Ingest, assert_is_short, zip_of_both

from pipeline.errors import PipelineError
from stages.ingest.image_table import read_pixel_blocks
from stages.shared.parquet import read_column


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
    labels = read_column(tmp_path / "ingest/train.parquet", "label", stage="ingest")
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


@given(content=damage(zip_of_both()))
@settings(RANDOM, max_examples=100)
def test_a_damaged_zip_is_refused_or_harmless(ingest: Ingest, tmp_path: Path, content: bytes) -> None:
    table = table_after(ingest, tmp_path, {"a.zip": content})
    assert table in (None, strictly_read(TRAIN.encode()))
