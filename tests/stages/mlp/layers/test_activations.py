"""Activations: what the gradient's check against differences cannot see."""

from __future__ import annotations

import numpy as np

from stages.mlp.layers.activations import LeakyReLU, ReLU


def test_relu_is_exact_for_numbers_that_are_not_finite() -> None:
    X = np.array([[-np.inf, -1, 0, 1, np.inf, np.nan]])
    expected = [[0, 0, 0, 1, np.inf, np.nan]]
    layer = ReLU(X.shape, X.dtype)
    np.testing.assert_array_equal(layer.predict(X.copy()), expected)
    np.testing.assert_array_equal(layer.forward(X.copy()), expected)
    np.testing.assert_array_equal(layer.backward(np.full(X.shape, 2.0)), [[0, 0, 0, 2, 2, 0]])


def test_the_derivative_of_leaky_relu_at_0_is_its_slope() -> None:
    layer = LeakyReLU((1, 3), np.float64)
    np.testing.assert_array_equal(layer.forward(np.array([[-1.0, 0, 1]])), [[-0.01, 0, 1]])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 3))), [[0.01, 0.01, 1]])
