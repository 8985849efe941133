"""Pictures come to the pixel range and the polarity of the training images."""

from __future__ import annotations

import numpy as np
import pytest

from stages.images.pixel_scale import PixelScale

INK = np.array([[0, 0, 0, 0], [0, 255, 51, 0], [0, 102, 255, 0], [0, 0, 0, 0]], np.uint8)  # light on dark


@pytest.mark.parametrize(("background", "ink", "middle"), [(0, 255, 102), (0, 16, 6), (255, 0, 153), (200, 50, 140)])
def test_background_and_ink_take_the_values_of_the_training_images(background: int, ink: int, middle: int) -> None:
    pixels = PixelScale(background, ink).pixels(INK)
    assert (pixels[0, 0], pixels[1, 1], pixels[2, 1]) == (background, ink, middle)


@pytest.mark.parametrize(("background", "ink"), [(0, 255), (0, 16), (255, 0), (200, 50)])
def test_an_image_of_the_networks_own_size_is_only_inverted(background: int, ink: int) -> None:
    scale = PixelScale(background, ink)
    image = scale.pixels(INK)
    np.testing.assert_array_equal(scale.match_polarity(image), image)
    np.testing.assert_array_equal(scale.match_polarity(background + ink - image), image)


def test_an_image_of_the_networks_own_size_with_larger_pixels_is_scaled() -> None:
    np.testing.assert_array_equal(PixelScale(0, 16).match_polarity(255 - INK), PixelScale(0, 16).pixels(INK))
