"""Deskewing: a slanted stroke stands, and a wide image narrows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages.images.deskew import deskewed
from stages.images.model_images import Images

HEIGHT, WIDTH = 12, 15


def stroke(slant: float) -> np.ndarray:
    """A bar two pixels wide through the middle, with ``slant`` columns per row."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    middle = (WIDTH - 1) / 2 + slant * (y - (HEIGHT - 1) / 2)
    bar = np.clip(1.5 - np.abs(x - middle), 0, 1)
    bar[[0, -1]] = 0
    return bar.astype(np.float32).reshape(1, -1)


def spread(image: np.ndarray) -> float:
    """The variance of the column, weighted by brightness."""
    columns = np.arange(HEIGHT * WIDTH) % WIDTH
    mean = (image * columns).sum() / image.sum()
    return float((image * (columns - mean) ** 2).sum() / image.sum())


@pytest.mark.parametrize("slant", [-0.5, -0.2, 0.3, 0.6])
def test_a_slanted_stroke_is_set_upright(slant: float) -> None:
    upright = deskewed(stroke(slant), HEIGHT, WIDTH, "slant")
    assert spread(stroke(slant)) > 2 * spread(stroke(0)) or abs(slant) < 0.3
    assert spread(upright) == pytest.approx(spread(stroke(0)), abs=0.15)
    assert upright.sum() == pytest.approx(stroke(slant).sum(), rel=0.01)


@pytest.mark.parametrize("wide", [1, 2, 5])
def test_the_width_of_ink_is_scaled_half_of_the_way_and_the_ink_is_centred(wide: int) -> None:
    image = np.zeros((1, 20, 30), np.float32)
    image[0, 4:16, 3 : 3 + 3 * wide] = 1
    even = deskewed(image.reshape(1, -1), 20, 30, "slant_and_width").reshape(20, 30)
    columns = np.arange(30)
    ink = even.sum(axis=0)
    middle = (ink * columns).sum() / ink.sum()
    found = ((ink * (columns - middle) ** 2).sum() / ink.sum()) ** 0.5
    before = ((3 * wide) ** 2 - 1) ** 0.5 / 12**0.5
    assert middle == pytest.approx(14.5, abs=0.3)
    assert found == pytest.approx((before * 0.16 * 30) ** 0.5, rel=0.15)


def test_wide_ink_is_squeezed_by_no_more_than_1_6() -> None:
    width = 120
    image = np.zeros((1, 4, width), np.float32)
    image[0, :, [0, 119]] = 1  # a spread of 59.5 columns, 3.1 times the target: without a limit the factor is 1.76
    ink = np.flatnonzero(deskewed(image.reshape(1, -1), 4, width, "slant_and_width").reshape(4, width).sum(axis=0))
    assert ink.max() - ink.min() == pytest.approx(119 / 1.6, abs=1.5)


def test_what_leans_more_than_a_column_per_row_is_sheared_by_one_only() -> None:
    image = np.zeros((1, HEIGHT, WIDTH), np.float32)
    image[0, [5, 6], [5, 7]] = 1  # two columns per row
    sheared = np.zeros_like(image)
    sheared[0, 5, [5, 6]] = sheared[0, 6, [6, 7]] = 0.5
    np.testing.assert_allclose(deskewed(image.reshape(1, -1), HEIGHT, WIDTH, "slant"), sheared.reshape(1, -1))


def test_an_upright_stroke_is_unchanged_except_for_rounding() -> None:
    np.testing.assert_allclose(deskewed(stroke(0), HEIGHT, WIDTH, "slant"), stroke(0), atol=1e-5)


@pytest.mark.parametrize("deskew", ["none", "slant", "slant_and_width"])
@given(
    X=arrays(np.float32, (3, HEIGHT * WIDTH), elements=st.floats(0, 1, width=32)),
    n_empty=st.integers(0, 3),
)
def test_any_image_stays_finite_and_between_black_and_white_and_empty_ones_stay_empty(
    deskew: str, X: np.ndarray, n_empty: int
) -> None:
    X[:n_empty] = 0
    upright = deskewed(X, HEIGHT, WIDTH, deskew)
    assert upright.dtype == X.dtype
    assert np.isfinite(upright).all()
    assert upright.min() >= 0
    assert upright.max() <= 1 + 1e-6
    assert not upright[:n_empty].any()


def test_images_do_not_depend_on_their_neighbours() -> None:
    X = np.random.default_rng(0).random((1100, HEIGHT * WIDTH), dtype=np.float32)
    upright = deskewed(X, HEIGHT, WIDTH, "slant")
    np.testing.assert_allclose(upright[1000:1001], deskewed(X[1000:1001], HEIGHT, WIDTH, "slant"), atol=1e-5)


def test_an_unknown_deskew_is_refused() -> None:
    with pytest.raises(ValueError, match="deskew must be one of none, slant, slant_and_width"):
        Images((0, 1), 2, 2, deskew="bent")


@pytest.mark.parametrize("deskew", ["slant", "slant_and_width"])
def test_little_is_lost_to_rounding(deskew: str) -> None:
    """Moments are differences of sums: in 32 bits they keep five digits only if they are counted from the middle."""
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:28, :28]
    slants, thickness = rng.uniform(-0.6, 0.6, (2000, 1, 1)), rng.uniform(0.8, 2.0, (2000, 1, 1))
    bars = np.clip(thickness - np.abs(x - 13.5 - rng.uniform(-2, 2, (2000, 1, 1)) - slants * (y - 13.5)), 0, 1)
    bars[:, [0, 1, 2, 3, -4, -3, -2, -1]] = 0
    X = bars.reshape(2000, -1).astype(np.float32)
    exact = deskewed(X.astype(np.float64), 28, 28, deskew)
    np.testing.assert_allclose(deskewed(X, 28, 28, deskew), exact, atol=5e-6)
