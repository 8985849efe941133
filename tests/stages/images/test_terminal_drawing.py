"""Images become text: enlarged or made smaller by whole numbers, in half blocks or in characters."""

from __future__ import annotations

import numpy as np

from stages.images.terminal_drawing import characters, fitted, half_blocks


def test_an_image_is_enlarged_or_made_smaller_by_whole_numbers() -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert fitted(image, 80).shape == (24, 24)
    assert fitted(image, 17).shape == (16, 16)
    assert fitted(np.full((60, 100), 9, np.uint8), 60).shape == (30, 50)
    assert (fitted(np.full((60, 100), 9, np.uint8), 60) == 9).all()


def test_an_odd_number_of_rows_is_drawn_whole() -> None:
    image = np.full((3, 2), 255, dtype=np.uint8)
    assert half_blocks([image]).plain.splitlines() == ["\N{UPPER HALF BLOCK}" * 2] * 2
    assert characters([image], 80).splitlines() == ["@@@@"] * 3
    assert characters([image], 3).splitlines() == ["@@", "++"]


def test_one_blank_line_stands_above_and_below_what_is_drawn_in_characters() -> None:
    image = np.zeros((28, 2), dtype=np.uint8)
    image[5:9] = 255
    assert characters([image], 80).split("\n") == ["", *["@@@@"] * 4, ""]
    assert characters([image, np.full_like(image, 255)], 80).count("\n") == 27
    assert characters([np.zeros_like(image)], 80).strip() == ""
