"""Warping: what each strength does, measured on fields and against direct bilinear sampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.images.augmentation import N_FIELDS, Augmentation, Warp, random_affine

STRONG = Augmentation(rotation=20, scale=0.2, shear=0.2, shift=0.1, elastic=0.06)
sides = st.integers(1, 13)


def images(count: int, height: int, width: int, dtype: type = np.float32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, height * width), dtype=dtype)


def warped(augmentation: Augmentation, X: np.ndarray, height: int, width: int, seed: int = 1, **kwargs) -> np.ndarray:
    out = np.full_like(X, np.nan)
    Warp(augmentation, height, width, X.dtype, **kwargs).warp(X, np.random.default_rng(seed), out)
    return out


def sampled(image: np.ndarray, y: float, x: float) -> float:
    """The bilinear value of ``image`` at (y, x), black outside: the oracle, straight from the definition."""
    total = 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            total += image[row, column] * max(0.0, 1 - abs(y - row)) * max(0.0, 1 - abs(x - column))
    return total


@given(sides, sides, st.integers(1, 5), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=30, deadline=None)
def test_no_strength_leaves_every_bit_as_it_is(height, width, group, dtype):
    X = images(7, height, width, dtype)
    out = warped(Augmentation(), X, height, width, group=group)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, X)


@given(sides, sides, st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_every_pixel_is_the_bilinear_sample_at_its_displaced_position(height, width, seed):
    out_of_the_frame = Augmentation(rotation=180, scale=0.5, shear=0.5, shift=0.5, elastic=0.2)
    X = images(3, height, width, np.float64)
    out = warped(out_of_the_frame, X, height, width, seed)
    field = Warp(out_of_the_frame, height, width, np.float64).draw(np.random.default_rng(seed))[0]
    y, x = np.divmod(np.arange(height * width), width)
    for image, result in zip(X.reshape(3, height, width), out, strict=True):
        expected = [sampled(image, row, column) for row, column in zip(y + field[0], x + field[1], strict=True)]
        np.testing.assert_allclose(result, expected, atol=1e-12)


def test_a_shift_moves_all_pixels_alike_and_stays_within_its_limit():
    fields = Warp(Augmentation(shift=0.1), 20, 30, np.float64).draw(np.random.default_rng(0))
    np.testing.assert_allclose(np.ptp(fields, axis=2), 0, atol=1e-12)
    largest = np.abs(fields[:, :, 0]).max(axis=0)
    assert np.all((largest > 1.0) & (largest <= 2.0))  # a tenth of the smaller side


def test_a_rotation_turns_about_the_centre_and_keeps_distances():
    height, width = 9, 14
    fields = Warp(Augmentation(rotation=30), height, width, np.float64).draw(np.random.default_rng(0))
    y, x = np.divmod(np.arange(height * width), width)
    centred = np.stack([y - 4.0, x - 6.5])
    turned = centred + fields
    np.testing.assert_allclose(np.hypot(turned[:, 0], turned[:, 1]), np.tile(np.hypot(*centred), (N_FIELDS, 1)))
    cross = centred[0] * turned[:, 1] - centred[1] * turned[:, 0]
    angles = np.rad2deg(np.arctan2(cross, np.sum(centred * turned, axis=1)))
    np.testing.assert_allclose(np.ptp(angles, axis=1), 0, atol=1e-9)
    assert 15 < np.abs(angles).max() <= 30


def test_scale_and_shear_reach_their_limits_and_no_further():
    y, x = np.divmod(np.arange(10 * 10), 10)
    rng = np.random.default_rng(0)
    stretch = Warp(Augmentation(scale=0.2), 10, 10, np.float64).draw(rng)
    for axis, coordinate in enumerate((y - 4.5, x - 4.5)):
        factors = stretch[:, axis] / coordinate
        np.testing.assert_allclose(np.ptp(factors, axis=1), 0, atol=1e-12)
        assert 0.1 < np.abs(factors).max() <= 0.2
    slant = Warp(Augmentation(shear=0.2), 10, 10, np.float64).draw(rng)
    assert not slant[:, 0].any()
    assert 0.1 < np.abs(slant[:, 1] / (y - 4.5)).max() <= 0.2


def test_rotation_is_applied_after_slant_and_slant_after_stretch():
    coefficients = random_affine(STRONG, 28, 5, np.random.default_rng(3))
    draws = np.random.default_rng(3).uniform(-1, 1, (6, 5)).T
    for (rotation, scale_y, scale_x, shear, shift_y, shift_x), found in zip(draws, coefficients, strict=True):
        angle = np.deg2rad(20 * rotation)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ [[1, 0], [0.2 * shear, 1]] @ np.diag([1 + 0.2 * scale_y, 1 + 0.2 * scale_x])
        np.testing.assert_allclose(found[:, :2], matrix - np.eye(2))
        np.testing.assert_allclose(found[:, 2], [2.8 * shift_y, 2.8 * shift_x])


@pytest.mark.parametrize(("height", "width"), [(28, 28), (8, 8), (12, 12), (16, 40)])
@pytest.mark.parametrize("smoothness", [0.08, 0.18, 0.4])
def test_elastic_strength_is_the_rms_distance_that_was_asked_for(height, width, smoothness):
    warp = Warp(Augmentation(elastic=0.05, smoothness=smoothness), height, width)
    rng = np.random.default_rng(0)
    squares = [np.mean(np.sum(warp.draw(rng) ** 2, axis=1)) for _ in range(60)]
    assert np.sqrt(np.mean(squares)) == pytest.approx(0.05 * min(height, width), rel=0.04)


def test_an_elastic_field_is_as_smooth_as_asked_and_moves_no_image_as_a_whole():
    def roughness(smoothness: float) -> float:
        fields = Warp(Augmentation(elastic=0.05, smoothness=smoothness), 28, 28).draw(np.random.default_rng(0))
        np.testing.assert_allclose(fields.mean(axis=2), 0, atol=1e-4)
        planes = fields.reshape(N_FIELDS, 2, 28, 28)
        return float(np.std(np.diff(planes, axis=3)) / np.std(planes))

    # White noise under a Gaussian of sigma pixels has slopes of 1 / (sigma * sqrt(2)) times its height.
    assert roughness(0.1) == pytest.approx(1 / (2.8 * np.sqrt(2)), rel=0.15)
    assert roughness(0.05) > roughness(0.1) > roughness(0.2)


@given(sides, sides, st.integers(1, 9), st.integers(1, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_grey_levels_stay_in_range_whatever_the_size_the_group_and_the_layout(height, width, count, group, transposed):
    X = images(count, height, width)
    out = np.full((count, height * width), np.nan, np.float32, order="F" if transposed else "C")
    Warp(STRONG, height, width, group=group).warp(X, np.random.default_rng(0), out)
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-6
    np.testing.assert_array_equal(X, images(count, height, width))


def test_a_group_shares_a_field_and_the_next_group_has_another():
    X = np.repeat(images(1, 12, 12), 10, axis=0)
    out = warped(STRONG, X, 12, 12, group=4)
    for group in (out[:4], out[4:8], out[8:]):
        np.testing.assert_allclose(group, group[:1].repeat(len(group), axis=0), atol=1e-6)
    assert not np.allclose(out[0], out[4], atol=0.05)
    assert not np.allclose(out[4], out[8], atol=0.05)


def test_fields_do_not_repeat_when_those_drawn_ahead_run_out():
    X = np.repeat(images(1, 12, 12), 3 * N_FIELDS, axis=0)
    out = warped(STRONG, X, 12, 12, group=1)
    assert len(np.unique(out.round(4), axis=0)) == 3 * N_FIELDS


def test_the_same_generator_gives_the_same_images():
    X = images(5, 28, 28)
    np.testing.assert_array_equal(warped(STRONG, X, 28, 28), warped(STRONG, X, 28, 28))
    assert not np.array_equal(warped(STRONG, X, 28, 28), warped(STRONG, X, 28, 28, seed=2))


@pytest.mark.parametrize(
    "wrong", [{"rotation": -1}, {"elastic": np.nan}, {"shift": np.inf}, {"smoothness": 0}, {"smoothness": np.nan}]
)
def test_a_strength_that_makes_no_sense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Augmentation(**wrong)
