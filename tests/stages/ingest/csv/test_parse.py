"""Blocks of lines become exactly the pixels that are spelled there, or nothing."""

from __future__ import annotations

import csv
import io
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.bad_rows.bad_lines import separate_bad_lines
from stages.ingest.csv.labels import ClassSet
from stages.ingest.csv.layout import Layout
from stages.ingest.csv.parse import parse_block
from stages.shared.messages import FileName


def layout_of(*leading: str, n_pixels: int) -> Layout:
    pixels = tuple(f"pixel{index}" for index in range(n_pixels))
    label, id_ = ("label" if "label" in leading else None), ("id" if "id" in leading else None)
    columns = tuple(range(len(leading)))
    return Layout(FileName("a.csv", "a.csv"), (*leading, *pixels), label, id_, pixels, columns)


def test_of_all_short_texts_just_the_256_plain_numbers_are_pixels() -> None:
    layout, labels = layout_of(n_pixels=1), ClassSet(None)
    accepted = {}
    for length in range(5):
        for characters in product("0123456789 +-.xJ:/", repeat=length) if length < 4 else product("0123", repeat=4):
            text = "".join(characters)
            rows = parse_block(f"0\n{text}\n7\n".encode(), layout, labels)  # with neighbours it could run into
            if rows is not None:
                accepted[text] = rows.pixels.tolist()
    assert accepted == {str(pixel): [[0, pixel, 7]] for pixel in range(256)}


@pytest.mark.parametrize("leading", [(), ("label",), ("id", "label"), ("label", "id")])
@pytest.mark.parametrize("n_pixels", [1, 2, 5])
def test_values_are_those_that_pythons_own_reader_finds(leading: tuple[str, ...], n_pixels: int) -> None:
    rng = np.random.default_rng(7)
    pixels = rng.choice([0, 9, 10, 99, 100, 255], (30, n_pixels)).astype(np.uint8)
    cells = {
        "label": [str(value) for value in rng.integers(-12, 12345, 30)],
        "id": [f"ü-{i} J" for i in range(30)],
    }
    lines = [[*(cells[name][row] for name in leading), *map(str, pixels[row])] for row in range(30)]
    rows = parse_block(
        "".join(",".join(line) + "\n" for line in lines).encode(),
        layout_of(*leading, n_pixels=n_pixels),
        ClassSet(None),
    )
    assert rows is not None
    np.testing.assert_array_equal(rows.pixels, pixels.T)
    assert rows.labels == ([int(label) for label in cells["label"]] if "label" in leading else [])
    assert rows.ids == (cells["id"] if "id" in leading else [])


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3\n4,5\n6,7,8,9\n",
        "1,2\n3,4,5,6\n7,8,9\n",
        "1,2,3\n,5,6\n",
        "1,2,\n4,5,6\n",
        "1,2,3\n\n4,5,6\n",
        "1,2x,3\n",
    ],
)
def test_rows_that_are_no_rows_are_refused_even_where_the_number_of_cells_is_right(text: str) -> None:
    assert parse_block(text.encode(), layout_of("label", n_pixels=2), ClassSet(None)) is None


@given(
    st.lists(st.text('a,"é 1', min_size=1), min_size=2, unique=True),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_labels_with_commas_and_quotation_marks_are_read_as_csv_writes_them(labels: list[str], quoting: int) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows([label, 7] for label in labels)
    rows = parse_block(text.getvalue().encode(), layout_of("label", n_pixels=1), ClassSet(tuple(labels)))
    assert rows is not None
    assert rows.labels == labels


@pytest.mark.parametrize(
    "text",
    [
        '0,"1\n0",1\n',
        '0,1"2"\n',
        '0,"1"2\n',
        '"0"a,1\n',
        '"0"a,"1"\n',
        'a"0",1\n',
        '"0",1"2"\n',
        '"a,1\n',
        '"a"",1\n',
        "a\x1f,1\n",
        '"a\x1f",1\n',
        'a\x1f,1\n"a,",1\n',
    ],
)
def test_quotation_marks_and_their_placeholders_are_refused_elsewhere(text: str) -> None:
    labels = ClassSet(("0", "a", "a,", 'a"', "0a", "a0"))
    assert parse_block(text.encode(), layout_of("label", n_pixels=1), labels) is None


@given(st.lists(st.text('a,"01\r\x1e\x1f'), min_size=1, max_size=4))
def test_whatever_is_accepted_is_what_pythons_own_reader_finds(lines: list[str]) -> None:
    layout, labels = layout_of("label", n_pixels=1), ClassSet(("a", ",", '"', 'a,"', "01"))
    block = "".join(line + "\n" for line in lines).encode()
    rows, bad = separate_bad_lines(block, 1, layout, labels)
    at_once = parse_block(block, layout, labels)
    assert at_once is None or (at_once.labels, bad) == (rows.labels, [])
    good = [
        line.removesuffix("\r") for number, line in enumerate(lines, start=1) if number not in {row.line for row in bad}
    ]
    found = [next(csv.reader([line], strict=True)) for line in good]
    assert [[label, str(pixel)] for label, pixel in zip(rows.labels, rows.pixels[0], strict=True)] == found
