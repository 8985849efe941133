"""The losses. Each takes logits, and computes the probabilities (softmax or sigmoid) and the loss together.

This has two advantages. The gradient with respect to the logits is simple: (P - T) / n_rows, where P are the
probabilities and T are the targets, which are the one-hot labels after label smoothing. And nothing overflows: no
exponential of a large number is taken, and no logarithm of 0.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


class Loss(Protocol):
    """Made for ``m`` rows, with buffers of its own."""

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
        self.total: Floats  # of each row of E, (m, 1)

    def measure(self, Z: Floats, Y: Floats) -> tuple[float, int]:
        # Shifted so that the largest logit of each row is 0: exp cannot overflow, and the sum is at least 1.
        Z -= np.maximum.reduce(Z, axis=1, keepdims=True)
        np.multiply(Z, Y, out=self.T)
        of_true_class = np.add.reduce(self.T, axis=1)  # its shifted logit, (m,)
        np.exp(Z, out=self.E)
        self.total = np.add.reduce(self.E, axis=1, keepdims=True)
        # Each T sums to 1, so -sum(T log softmax(Z)) = log(sum(exp(Z))) - sum(T Z).
        loss = -(1 - self.smoothing) * float(np.add.reduce(of_true_class))
        if self.smoothing:
            loss -= self.smoothing / Z.shape[1] * float(np.add.reduce(Z, axis=None))
        loss += float(np.add.reduce(np.log(self.total), axis=None))
        # A row is right if its true class has the largest logit, which is now 0.
        return loss, int(np.count_nonzero(of_true_class >= 0))

    def gradient(self, Y: Floats, n_rows: int, dZ: Floats) -> None:
        np.divide(self.E, self.total, out=dZ)  # the probabilities P
        if self.smoothing:
            np.multiply(Y, 1 - self.smoothing, out=self.T)
            self.T += self.smoothing / Y.shape[1]
            dZ -= self.T
        else:
            dZ -= Y
        dZ /= n_rows


class BinaryCrossEntropy:
    """-(t log p + (1 - t) log(1 - p)) per row, with p = sigmoid(z) the probability of the second class.

    A two-class network has one output. Targets are t = (1 - smoothing) y + smoothing / 2.
    """

    def __init__(self, m: int, smoothing: float, dtype: npt.DTypeLike) -> None:
        self.smoothing = smoothing
        self.P, self.T = np.empty((2, m, 1), dtype)

    def measure(self, Z: Floats, Y: Floats) -> tuple[float, int]:
        y = Y[:, 1:]
        np.multiply(y, 1 - self.smoothing, out=self.T)
        self.T += self.smoothing / 2
        # loss = log(1 + exp(z)) - t z
        loss = float(np.add.reduce(np.logaddexp(0, Z), axis=None)) - float(np.add.reduce(self.T * Z, axis=None))
        np.exp(-np.logaddexp(0, -Z), out=self.P)  # p = exp(-log(1 + exp(-z)))
        return loss, int(np.count_nonzero((Z > 0) == (y > 0.5)))

    def gradient(self, Y: Floats, n_rows: int, dZ: Floats) -> None:  # noqa: ARG002 - the targets are kept
        np.subtract(self.P, self.T, out=dZ)
        dZ /= n_rows


def make_loss(m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> Loss:
    """The loss of ``m`` rows; ``smoothing`` is the share of the target that is spread over all classes."""
    if n_classes == 2:
        return BinaryCrossEntropy(m, smoothing, dtype)
    return SoftmaxCrossEntropy(m, n_classes, smoothing, dtype)
