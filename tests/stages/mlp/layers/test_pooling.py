"""Pooling: what the gradient's check against differences cannot see."""

from __future__ import annotations

import numpy as np
import pytest

from stages.mlp.layers.feature_maps import FeatureMaps
from stages.mlp.layers.pooling import AveragePooling, MaxPooling, Pooling

# Maps of 3 x 3 in windows of 2 x 2, so three of the four are cut off at the edge; and where the gradients go.
TIES = {
    "all equal": ([[5, 5, 5], [5, 5, 5], [5, 5, 5]], [[1, 0, 2], [0, 0, 0], [3, 0, 4]]),
    "the first is smaller": ([[1, 5, 1], [5, 5, 5], [1, 5, 5]], [[0, 1, 0], [0, 0, 2], [0, 3, 4]]),
    "line before column": ([[1, 1, 5], [5, 5, 5], [5, 5, 1]], [[0, 0, 2], [1, 0, 0], [3, 0, 4]]),
}


@pytest.mark.parametrize(("values", "expected"), TIES.values(), ids=TIES)
def test_of_equal_largest_values_only_the_first_gets_the_gradient(values: list, expected: list) -> None:
    layer = MaxPooling(FeatureMaps(1, 3, 3), 2, 1, np.float64)
    assert (layer.forward(np.array(values, float).reshape(3, 1, 3, 1)).ravel() == np.max(values)).sum() >= 3
    dX = layer.backward(np.arange(1.0, 5.0).reshape(2, 1, 2, 1))
    np.testing.assert_array_equal(dX.reshape(3, 3), expected)


def test_a_mean_is_as_exact_as_the_dtype() -> None:
    X = np.random.default_rng(0).random((3, 1, 3, 1))
    layer = AveragePooling(FeatureMaps(1, 3, 3), 3, 1, np.float64)
    assert layer.forward(X).item() == pytest.approx(X.mean(), rel=1e-14)


@pytest.mark.parametrize(("kind", "expected"), [(MaxPooling, [-3, -1]), (AveragePooling, [-6.5, -2.5])])
def test_negative_values_and_a_window_that_is_higher_than_the_maps(kind: type[Pooling], expected: list) -> None:
    X = np.array([[-10, -9, -8, -2, -4], [-5, -4, -3, -3, -1]], float).reshape(2, 1, 5, 1)
    layer = kind(FeatureMaps(1, 2, 5), 3, 1, np.float64)
    np.testing.assert_allclose(layer.forward(X).ravel(), expected)
    np.testing.assert_allclose(layer.predict(X).ravel(), expected)
