"""The losses, each fused with the function that makes probabilities of logits.

Fused, the gradient is as simple as it can be, P - T over the number of rows, and nothing overflows: no
exponential of a large number is taken, and no logarithm of 0.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


class Loss(Protocol):
    """Made for ``m`` rows with buffers of its own. One instance serves one replica."""

    def __init__(self, m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> None:
        """For ``m`` rows; ``smoothing`` is the share of the target that is spread over all classes."""

    def measure(self, Z: Floats, Y: Floats) -> tuple[float, int]:
        """The sum of the rows' losses, and how many rows are right; ``Z`` may be overwritten.

        ``Z`` are logits, (m, n_outputs); ``Y`` is one-hot, (m, n_classes).
        """

    def gradient(self, Y: Floats, n_rows: int, dZ: Floats) -> None:
        """After ``measure``: the gradient of the sum over ``n_rows`` into ``dZ``, (m, n_outputs)."""


class SoftmaxCrossEntropy:
    """-sum(T log softmax(Z)) per row, with targets T = (1 - smoothing) Y + smoothing / n_classes.

    Label smoothing is from Szegedy and others (2016).
    """

    def __init__(self, m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> None:
        self.smoothing = smoothing
        self.E = np.empty((m, n_classes), dtype)
        self.T = np.empty((m, n_classes), dtype)
        self.row = np.empty((m, 1), dtype)
        self.total = np.empty((m, 1), dtype)
        self.is_right = np.empty((m, 1), bool)

    def measure(self, Z: Floats, Y: Floats) -> tuple[float, int]:
        n_classes = Z.shape[1]
        # Shifted so that the largest logit of each row is 0: exp cannot overflow, and the sum is at least 1.
        np.maximum.reduce(Z, axis=1, out=self.row, keepdims=True)
        np.subtract(Z, self.row, out=Z)
        np.multiply(Z, Y, out=self.T)
        np.add.reduce(self.T, axis=1, out=self.row, keepdims=True)  # the shifted logit of the true class
        np.exp(Z, out=self.E)
        np.add.reduce(self.E, axis=1, out=self.total, keepdims=True)
        loss = -(1 - self.smoothing) * float(np.add.reduce(self.row, axis=None))
        if self.smoothing:
            loss -= self.smoothing / n_classes * float(np.add.reduce(Z, axis=None))
        # A row is right if its true class has the largest logit, which is now 0.
        np.greater_equal(self.row, 0, out=self.is_right)
        np.log(self.total, out=self.row)
        return loss + float(np.add.reduce(self.row, axis=None)), int(np.count_nonzero(self.is_right))

    def gradient(self, Y: Floats, n_rows: int, dZ: Floats) -> None:
        np.divide(self.E, self.total, out=dZ)  # the probabilities P
        if self.smoothing:
            np.multiply(Y, 1 - self.smoothing, out=self.T)
            np.add(self.T, self.smoothing / Y.shape[1], out=self.T)
            np.subtract(dZ, self.T, out=dZ)
        else:
            np.subtract(dZ, Y, out=dZ)
        np.divide(dZ, n_rows, out=dZ)


class BinaryCrossEntropy:
    """-(t log p + (1 - t) log(1 - p)) per row, with p = sigmoid(z) the probability of the second class.

    A two-class network has one output. Targets are t = (1 - smoothing) y + smoothing / 2.
    """

    def __init__(self, m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> None:  # noqa: ARG002 - one signature for all
        self.smoothing = smoothing
        self.P = np.empty((m, 1), dtype)
        self.T = np.empty((m, 1), dtype)
        self.work = np.empty((m, 1), dtype)
        self.is_positive, self.is_right = np.empty((2, m, 1), bool)

    def measure(self, Z: Floats, Y: Floats) -> tuple[float, int]:
        np.multiply(Y[:, 1:], 1 - self.smoothing, out=self.T)
        np.add(self.T, self.smoothing / 2, out=self.T)
        # loss = log(1 + exp(z)) - t z
        np.logaddexp(0, Z, out=self.work)
        loss = float(np.add.reduce(self.work, axis=None))
        np.multiply(self.T, Z, out=self.work)
        loss -= float(np.add.reduce(self.work, axis=None))
        # The probability p is exp(-log(1 + exp(-z))).
        np.negative(Z, out=self.P)
        np.logaddexp(0, self.P, out=self.P)
        np.negative(self.P, out=self.P)
        np.exp(self.P, out=self.P)
        np.greater(Y[:, 1:], 0.5, out=self.is_positive)
        np.greater(Z, 0, out=self.is_right)
        np.equal(self.is_positive, self.is_right, out=self.is_right)
        return loss, int(np.count_nonzero(self.is_right))

    def gradient(self, Y: Floats, n_rows: int, dZ: Floats) -> None:  # noqa: ARG002 - the targets are kept
        np.subtract(self.P, self.T, out=dZ)
        np.divide(dZ, n_rows, out=dZ)


LOSSES: dict[str, type[Loss]] = {"binary": BinaryCrossEntropy, "softmax": SoftmaxCrossEntropy}


def make_loss(m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> Loss:
    """The loss for ``n_classes``: binary for two, softmax for more."""
    return LOSSES["binary" if n_classes == 2 else "softmax"](m, n_classes, smoothing, dtype)
