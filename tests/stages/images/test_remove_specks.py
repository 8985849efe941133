"""Specks, frames and the table under a sheet of paper are not taken for the digit."""

from __future__ import annotations

import warnings
from contextlib import suppress

import numpy as np
import pytest
from drawn_seven import STANDARD, difference, prepare, seven
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw

from stages.images.picture_to_input import BlankPictureError
from stages.images.read_picture import as_grey
from stages.images.remove_specks import MOST_SIDE, connected_components, sheet_of_paper, without_specks


def flooded(is_ink: np.ndarray) -> np.ndarray:
    """The components of ``is_ink``, found the slow way: from each pixel to those that it touches."""
    labels = np.zeros(is_ink.shape, int)
    for number, start in enumerate(zip(*np.nonzero(is_ink), strict=True), start=1):
        waiting = [start] if labels[start] == 0 else []
        while waiting:
            row, column = waiting.pop()
            labels[row, column] = number
            waiting += [
                (y, x)
                for y in range(max(0, row - 1), min(is_ink.shape[0], row + 2))
                for x in range(max(0, column - 1), min(is_ink.shape[1], column + 2))
                if is_ink[y, x] and not labels[y, x]
            ]
    return labels


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans()))
def test_components_are_pixels_that_touch(is_ink: np.ndarray) -> None:
    labels, expected = connected_components(is_ink), flooded(is_ink)
    assert ((labels > 0) == is_ink).all()
    pairs = set(zip(labels.ravel().tolist(), expected.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(labels)) == len(np.unique(expected))


def specked() -> Image.Image:
    sheet = seven()
    rng = np.random.default_rng(0)
    for _ in range(40):
        sheet.putpixel((int(rng.integers(300)), int(rng.integers(200))), 0)
    ImageDraw.Draw(sheet).ellipse((270, 170, 276, 176), fill=0)
    return sheet


def framed(*, at: int) -> Image.Image:
    sheet = seven()
    ImageDraw.Draw(sheet).rectangle((at, at, 299 - at, 199 - at), outline=0, width=3)
    return sheet


def on_a_table(*, angle: float = 0, sheet: Image.Image | None = None) -> Image.Image:
    table = Image.new("L", (500, 400), 70)
    paper = (sheet or seven()).convert("LA").rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    table.paste(paper.getchannel("L"), (90, 110), paper.getchannel("A"))
    return table


def at_the_edge_of_a_table(left: int, top: int) -> Image.Image:
    """The table is seen at the left, or at the top too."""
    table = Image.new("L", (300 + left, 200 + top), 70)
    table.paste(seven(), (left, top))
    return table


@pytest.mark.parametrize(
    "sheet",
    [
        specked(),
        framed(at=0),
        framed(at=8),
        on_a_table(),
        on_a_table(sheet=framed(at=8)),
        at_the_edge_of_a_table(60, 0),
        at_the_edge_of_a_table(60, 40),
    ],
    ids=["specks", "margin", "frame", "table", "frame on a table", "table at the left", "table at the left and top"],
)
def test_what_lies_around_a_digit_is_not_taken_for_it(sheet: Image.Image) -> None:
    assert difference(prepare(np.asarray(sheet)), STANDARD) < 2


@pytest.mark.parametrize(
    "place", [(8, 8, 291, 191), (0, 0, 14, 199), (30, 30, 33, 33)], ids=["frame", "margin", "speck"]
)
def test_a_faint_digit_is_seen_beside_what_is_darker_and_left_out(place: tuple[int, int, int, int]) -> None:
    sheet = seven(ink=170, paper=250)
    is_frame = place[0] == 8
    ImageDraw.Draw(sheet).rectangle(place, fill=None if is_frame else 0, outline=0, width=4)
    assert difference(prepare(np.asarray(sheet)), STANDARD) < 2


def test_a_digit_too_faint_to_see_is_blank_beside_a_frame_too() -> None:
    sheet = seven(ink=225, paper=250)
    ImageDraw.Draw(sheet).rectangle((8, 8, 291, 191), outline=150, width=4)
    with pytest.raises(BlankPictureError):
        prepare(np.asarray(sheet))


@pytest.mark.parametrize("angle", [1, 5, 20])
def test_a_sheet_that_is_turned_is_not_taken_for_the_digit(angle: float) -> None:
    turned = prepare(np.asarray(seven().rotate(angle, expand=True, fillcolor=240)))
    assert difference(prepare(np.asarray(on_a_table(angle=angle))), turned) < 3


@pytest.mark.parametrize(
    ("ink", "paper"),
    [((0, 0, 255), (0, 0, 0)), ((230, 0, 0), (0, 120, 0)), ((255, 255, 0), (255, 255, 255))],
    ids=["blue on black", "red on green", "yellow on white"],
)
def test_a_colour_as_bright_as_its_background_is_seen(ink: tuple[int, ...], paper: tuple[int, ...]) -> None:
    assert difference(prepare(as_grey(seven(ink=ink, paper=paper))), STANDARD) < 2


def test_a_digit_of_several_parts_keeps_them() -> None:
    amount = np.zeros((40, 40))
    amount[5:35, 5:10] = amount[5:8, 15:25] = 1  # as a 5 whose bar does not touch
    amount[20:22, 30:33] = 1
    kept = without_specks(amount)
    assert (kept[:, :26] == amount[:, :26]).all()
    assert not kept[:, 26:].any()


def test_a_zero_around_a_dot_is_no_frame() -> None:
    sheet = Image.new("L", (100, 100))
    ImageDraw.Draw(sheet).ellipse((20, 10, 80, 90), outline=255, width=8)
    ImageDraw.Draw(sheet).ellipse((40, 40, 60, 60), fill=255)
    amount = np.asarray(sheet) / 255
    assert (without_specks(amount) == amount).all()


def test_a_bold_one_is_no_sheet_of_paper() -> None:
    sheet = np.full((60, 60), 255, np.uint8)
    sheet[6:54, 15:45] = np.random.default_rng(0).integers(0, 20, (48, 30))
    rows = np.flatnonzero(prepare(sheet).any(axis=1))
    assert len(rows) in {20, 21}


def test_a_large_picture_is_judged_in_blocks() -> None:
    amount = np.zeros((4 * MOST_SIDE + 3, 700))
    amount[100:900, 300:340] = 1
    expected = amount.copy()
    amount[-1, -1] = amount[50, 50] = 1
    assert (without_specks(amount) == expected).all()


def test_an_outline_without_an_inside_is_no_sheet_of_paper() -> None:
    lines = ("0101000", "0111000", "1101100", "1000100", "0000010", "0000000")
    assert sheet_of_paper(np.array([list(line) for line in lines]) == "1") is None


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.lists(st.tuples(*[st.integers(-3, 42)] * 4, st.sampled_from([0, 80, 170, 255]), st.booleans()), max_size=5),
)
def test_every_picture_is_an_image_or_shows_nothing(
    size: tuple[int, int], shapes: list[tuple[int, int, int, int, int, bool]]
) -> None:
    sheet = Image.new("L", size, 255)
    for x, y, right, below, level, is_filled in shapes:
        place = (min(x, right), min(y, below), max(x, right), max(y, below))
        ImageDraw.Draw(sheet).rectangle(place, fill=level if is_filled else None, outline=level)
    with warnings.catch_warnings(action="error"), suppress(BlankPictureError):
        assert prepare(np.asarray(sheet)).shape == (28, 28)
