"""The losses: what they measure, by their definitions. Their gradients are in test_gradients.py, with all others."""

from __future__ import annotations

import numpy as np
import pytest

from stages.mlp.gradient_descent.losses import BinaryCrossEntropy, SoftmaxCrossEntropy, make_loss, smoothed


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_loss_is_the_cross_entropy_with_the_smoothed_targets(n_classes: int, smoothing: float) -> None:
    rng = np.random.default_rng(0)
    Y = np.eye(n_classes)[rng.integers(0, n_classes, 6)]
    Z = rng.standard_normal((6, 1 if n_classes == 2 else n_classes))
    logits = np.hstack([np.zeros_like(Z), Z]) if n_classes == 2 else Z  # one output is the logit of the second class
    P = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (1 - smoothing) * Y + smoothing / n_classes
    loss, n_correct = make_loss(6, n_classes, np.float64).measure(Z.copy(), smoothed(Y, smoothing))
    assert loss == pytest.approx(-np.sum(targets * np.log(P)))
    assert n_correct == np.count_nonzero(P.argmax(axis=1) == Y.argmax(axis=1)) not in {0, 6}


@pytest.mark.parametrize("n_classes", [2, 4])
def test_of_equal_logits_only_the_first_is_the_answer(n_classes: int) -> None:
    Y, Z = np.eye(n_classes), np.zeros((n_classes, 1 if n_classes == 2 else n_classes))
    assert make_loss(n_classes, n_classes, np.float64).measure(Z, Y)[1] == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_give_finite_losses_and_gradients(dtype: str, size: float) -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        Z, Y = np.array([[size, 0, -size], [0, size, size]], dtype), np.eye(3, dtype=dtype)[[2, 0]]
        softmax, dZ = SoftmaxCrossEntropy(2, 3, dtype), np.empty((2, 3), dtype)
        assert np.isfinite(softmax.measure(Z.copy(), Y)[0])
        softmax.gradient(Y, 2, dZ)
        assert np.isfinite(dZ).all()
        Z, Y = np.array([[size], [-size]], dtype), np.eye(2, dtype=dtype)[[0, 0]]
        binary, dZ = BinaryCrossEntropy(2, dtype), np.empty((2, 1), dtype)
        assert binary.measure(Z.copy(), Y)[0] == pytest.approx(1e4)
        binary.gradient(Y, 2, dZ)
        assert np.isfinite(dZ).all()
