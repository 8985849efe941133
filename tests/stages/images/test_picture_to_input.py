"""Pictures of every kind become images like those of MNIST: same ink, same size, same place."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from drawn_seven import STANDARD, as_mnist, difference, prepare, seven
from PIL import Image, ImageDraw

from pipeline.errors import DataError
from stages.images.digit_framing import Framing, find_framing
from stages.images.picture_to_input import centre_of_mass
from stages.images.read_picture import MOST_PIXELS, as_grey, read_picture


@pytest.mark.parametrize(
    "sheet",
    [
        seven(ink=255, paper=0),
        seven(ink=180, paper=90),
        seven(at=(200, 95)),
        seven(size=(900, 1000), at=(700, 20)),
        seven(ink=(20, 30, 160), paper=(250, 245, 230)),
        seven(ink=(0, 0, 0, 255), paper=(0, 0, 0, 0)),
        seven(ink=(255, 255, 255, 255), paper=(255, 255, 255, 0)),
        seven().convert("P"),
        seven().convert("LA"),
        seven().point(lambda level: 255 * (level > 127)).convert("1"),
        Image.fromarray(np.asarray(seven()).astype(np.uint16) * 257),
    ],
    ids=["light on dark", "faint", "moved", "small on a large sheet", "colours", "black on nothing", "white on nothing",
         "palette", "grey with alpha", "black and white", "16 bits"],
)  # fmt: skip
def test_the_same_digit_gives_the_same_image_however_it_was_drawn(sheet: Image.Image) -> None:
    assert difference(prepare(as_grey(sheet)), STANDARD) < 2


def test_the_image_is_made_as_mnist_was() -> None:
    rows, columns = np.flatnonzero(STANDARD.any(axis=1)), np.flatnonzero(STANDARD.any(axis=0))
    assert rows[-1] - rows[0] + 1 in {20, 21}
    assert columns[-1] - columns[0] + 1 < 20
    assert STANDARD.max() == 255
    assert np.abs(np.array(centre_of_mass(STANDARD)) - 14.5).max() < 0.1


def test_another_size_has_a_box_of_the_same_share_and_proportions_are_kept() -> None:
    image = prepare(np.asarray(seven()), 56, 84)
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert rows[-1] - rows[0] + 1 in {40, 41}
    assert 25 <= columns[-1] - columns[0] + 1 <= 31


def test_a_box_as_large_as_the_image_fits_it() -> None:
    image = prepare(np.asarray(seven()), 8, 8, Framing(box=1.0))
    assert image.shape == (8, 8)
    assert image[0].any()
    assert image[-1].any()


def test_a_thin_stroke_does_not_fade() -> None:
    sheet = Image.new("L", (1000, 1000), 255)
    ImageDraw.Draw(sheet).line([(500, 100), (500, 900)], fill=0, width=4)
    image = prepare(np.asarray(sheet))
    assert (image > 127).sum() >= 20


def test_specks_of_paper_are_no_ink() -> None:
    noise = np.random.default_rng(0).normal(0, 8, (200, 300))
    sheet = (np.asarray(seven()) + noise).clip(0, 255).astype(np.uint8)
    assert difference(prepare(sheet), STANDARD) < 3


def test_a_picture_of_the_networks_own_size_is_taken_as_it_is(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 90, (28, 28), dtype=np.uint8)
    for levels in (image, 255 - image):
        Image.fromarray(levels).save(tmp_path / "own.png")
        assert (as_mnist(tmp_path / "own.png")[0] == image).all()


def test_how_the_training_images_are_framed_is_measured_in_them() -> None:
    X = np.zeros((3, 28, 28), dtype=np.float32)
    X[:, 4:24, 12:15] = 1
    framing = find_framing(X.reshape(3, -1), 28, 28)
    assert framing.box == pytest.approx(20 / 28)
    assert framing.stroke == pytest.approx(3 / 20, abs=0.02)
    assert framing.centre == pytest.approx((0.5, 13.5 / 28))
    assert find_framing(np.zeros((3, 64), dtype=np.float32), 8, 8) == Framing()
    edges = np.zeros((20, 8, 8), np.float32)  # as in the bundled sample: as high as the image
    edges[:, :, 2:6] = 0.2
    edges[:, :3, 2:4] = 1
    framing = find_framing(edges.reshape(20, -1), 8, 8)
    assert framing.box == 1.0
    assert framing.centre[0] < 0.45


def test_a_stroke_becomes_as_wide_as_those_of_the_training_images() -> None:
    sheet = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(sheet).line([(150, 30), (150, 270)], fill=0, width=8)
    for share in (0.125, 0.25):
        image = prepare(np.asarray(sheet), 56, 56, Framing(box=1.0, stroke=share))
        assert image.sum(axis=1).max() / 255 == pytest.approx(share * 56, rel=0.3)


def test_a_photo_that_was_taken_sideways_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees to the right
    seven().rotate(90, expand=True).save(tmp_path / "photo.jpg", quality=95, exif=exif)
    assert difference(as_mnist(tmp_path / "photo.jpg")[0], STANDARD) < 3


def bomb() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (MOST_PIXELS // 1000, 1001)).save(buffer, "PNG")
    return buffer.getvalue()


def cut_off(kind: str) -> bytes:
    buffer = io.BytesIO()
    seven().save(buffer, kind)
    return buffer.getvalue()[:400]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"this is no picture", "is not a PNG or JPEG"),
        (b"", "picture.png is empty"),
        (b"GIF89a" + bytes(40), "is not a PNG or JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "picture.png"),
        (cut_off("PNG"), "picture.png is damaged or cut off\n"),
        (cut_off("JPEG"), "picture.png"),
        (bomb(), "pixels, more than"),
    ],
    ids=["text", "nothing", "gif", "no header", "half a PNG", "half a JPEG", "bomb"],
)
def test_what_is_no_picture_is_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_picture(path)
    assert message in str(caught.value)
    assert caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize(
    ("marks", "is_told"),
    [
        ([(150, 30, 160, 120)], True),  # a 1 beside the 7
        ([(200, 60, 210, 110)], True),  # lower, and half as high
        ([(150, 110, 160, 120)], False),  # a full stop
        ([(80, 70, 110, 78)], False),  # the bar of the 7, which touches it
        ([(60, 130, 120, 140)], False),  # a line below
    ],
)
def test_digits_side_by_side_are_reported(
    tmp_path: Path, marks: list[tuple[int, int, int, int]], *, is_told: bool
) -> None:
    sheet = seven()
    for mark in marks:
        ImageDraw.Draw(sheet).rectangle(mark, fill=20)
    sheet.save(tmp_path / "digits.png")
    _, warnings = as_mnist(tmp_path / "digits.png")
    assert warnings == ("may show several digits, or one in pieces; a picture must show a single digit",) * is_told


def test_a_picture_of_a_single_pixel_is_told_as_too_small(tmp_path: Path) -> None:
    Image.new("L", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(DataError, match=r"nothing can be seen in dot\.png: it has 1 x 1 pixels") as error:
        as_mnist(tmp_path / "dot.png")
    assert error.value.hint == "take a larger picture"


@pytest.mark.parametrize(("ink", "paper"), [(0, 0), (128, 128), (255, 255), (235, 255)])
def test_a_blank_or_a_faint_picture_is_named(tmp_path: Path, ink: int, paper: int) -> None:
    seven(ink=ink, paper=paper).save(tmp_path / "empty.png")
    with pytest.raises(DataError, match=r"nothing can be seen in empty\.png: it is all of one grey, or nearly"):
        as_mnist(tmp_path / "empty.png")
