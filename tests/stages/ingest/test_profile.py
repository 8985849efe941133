"""When images differ so much from the training images that predictions may be wrong."""

from __future__ import annotations

import pytest

from stages.ingest.profile import ImageSet, differences


def images(smallest: int, largest: int) -> ImageSet:
    return ImageSet(
        rows=10,
        pixel_range=(smallest, largest),
        is_dark_on_light=False,
        constant_pixels=(),
        blank_images=0,
        duplicate_rows=0,
    )


@pytest.mark.parametrize(
    ("found", "training", "is_other"),
    [
        ((0, 255), (50, 200), True),
        ((0, 200), (50, 200), True),
        ((50, 255), (50, 200), True),
        ((0, 16), (0, 255), True),
        ((0, 255), (0, 16), True),
        ((0, 254), (0, 255), False),
        ((0, 255), (0, 250), False),
        ((40, 180), (0, 255), False),
        ((45, 215), (50, 200), False),
        ((80, 160), (50, 200), False),
    ],
)
def test_pixels_outside_the_range_of_training_are_told_and_a_narrower_range_is_not(
    found: tuple[int, int], training: tuple[int, int], *, is_other: bool
) -> None:
    sentences = differences(images(*found), images(*training), "a.csv")
    told = f"the pixels of a.csv go from {found[0]} to {found[1]}, those of the training images from "
    assert sentences == ((f"{told}{training[0]} to {training[1]}",) if is_other else ())
