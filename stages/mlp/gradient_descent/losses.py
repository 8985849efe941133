"""The losses. Each takes logits, and computes the probabilities (softmax or sigmoid) and the loss together.

This has two advantages. The gradient with respect to the logits is simple: (P - T) / n_rows, where P are the
probabilities and T are the targets, the one-hot labels. And nothing overflows: no exponential of a large number is
taken, and no logarithm of 0. Label smoothing moves a share of each target evenly to all classes: it makes
(1 - smoothing) T + smoothing / n_classes of T. It is from Szegedy and others (2016).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


class SoftmaxCrossEntropy:
    """-sum(T log softmax(Z)) per row."""

    def __init__(self, m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> None:
        self.smoothing = smoothing
        self.E = np.empty((m, n_classes), dtype)
        self.work = np.empty((m, n_classes), dtype)
        self.total: Floats  # of each row of E, (m, 1)

    def measure(self, Z: Floats, T: Floats) -> tuple[float, int]:
        """The sum of the rows' losses, and how many rows are right. ``Z`` may be overwritten.

        ``Z`` are the logits and ``T`` is one-hot, both (m, n_classes). Of equal logits the first is the answer.
        """
        # Shifted so that the largest logit of each row is 0: exp cannot overflow, and the sum is at least 1.
        Z -= np.maximum.reduce(Z, axis=1, keepdims=True)
        of_true_class = np.vecdot(Z, T)  # its shifted logit, (m,)
        np.exp(Z, out=self.E)
        self.total = np.add.reduce(self.E, axis=1, keepdims=True)
        # Each row of T sums to 1, so -sum(T log softmax(Z)) = log(sum(exp(Z))) - sum(T Z).
        loss = -(1 - self.smoothing) * float(np.add.reduce(of_true_class))
        if self.smoothing:
            loss -= self.smoothing / Z.shape[1] * float(np.add.reduce(Z, axis=None))
        loss += float(np.add.reduce(np.log(self.total), axis=None))
        return loss, int(np.count_nonzero(Z.argmax(axis=1) == T.argmax(axis=1)))

    def gradient(self, T: Floats, n_rows: int, dZ: Floats) -> None:
        """After ``measure``: the gradient of the summed loss divided by ``n_rows``, into ``dZ``, (m, n_classes)."""
        np.divide(self.E, self.total, out=dZ)  # the probabilities P
        if self.smoothing:
            np.multiply(T, 1 - self.smoothing, out=self.work)
            self.work += self.smoothing / T.shape[1]
            dZ -= self.work
        else:
            dZ -= T
        dZ /= n_rows


class BinaryCrossEntropy:
    """-(t log p + (1 - t) log(1 - p)) per row, with p = sigmoid(z) the probability of the second class.

    A two-class network has one output, so Z and dZ are (m, 1); else the methods are those of ``SoftmaxCrossEntropy``.
    The target t of a row is 1 for the second class and 0 for the first.
    """

    def __init__(self, m: int, smoothing: float, dtype: npt.DTypeLike) -> None:
        self.smoothing = smoothing
        self.p, self.t = np.empty((2, m, 1), dtype)

    def measure(self, Z: Floats, T: Floats) -> tuple[float, int]:
        second = T[:, 1:]
        np.multiply(second, 1 - self.smoothing, out=self.t)
        self.t += self.smoothing / 2
        # loss = log(1 + exp(z)) - t z
        loss = float(np.add.reduce(np.logaddexp(0, Z), axis=None)) - float(np.add.reduce(self.t * Z, axis=None))
        np.exp(-np.logaddexp(0, -Z), out=self.p)  # p = exp(-log(1 + exp(-z)))
        return loss, int(np.count_nonzero((Z > 0) == (second > 0.5)))

    def gradient(self, T: Floats, n_rows: int, dZ: Floats) -> None:  # noqa: ARG002 - the targets are kept
        np.subtract(self.p, self.t, out=dZ)
        dZ /= n_rows


Loss = SoftmaxCrossEntropy | BinaryCrossEntropy


def make_loss(m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> Loss:
    """The loss of ``m`` rows; ``smoothing`` is the share of the target that is spread over all classes."""
    if n_classes == 2:
        return BinaryCrossEntropy(m, smoothing, dtype)
    return SoftmaxCrossEntropy(m, n_classes, smoothing, dtype)
