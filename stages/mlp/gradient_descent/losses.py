"""The losses. Each computes the probabilities (softmax or sigmoid) and the loss from the logits, in one step.

This has two advantages. First, the gradient with respect to the logits is simple: (P - T) / n_rows, where P are the
probabilities and T are the one-hot targets. Second, nothing overflows: the code needs no exponential of a large number,
and no logarithm of 0.

Label smoothing replaces T by (1 - smoothing) T + smoothing / n_classes (Szegedy and others, 2016).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


class SoftmaxCrossEntropy:
    """-sum(T log softmax(Z)) for each row."""

    def __init__(self, m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> None:
        self.smoothing = smoothing
        self.E = np.empty((m, n_classes), dtype)  # exp(Z), after the subtraction of each row's largest logit
        self.work = np.empty((m, n_classes), dtype)
        self.total: Floats  # the sum of each row of E, (m, 1)

    def measure(self, Z: Floats, T: Floats) -> tuple[float, int]:
        """The sum of the losses, and the number of correct rows. ``Z`` may be overwritten.

        ``Z`` are the logits and ``T`` is one-hot, both (m, n_classes). If logits are equal, the first one counts.
        """
        # Subtract the largest logit of each row: then exp cannot overflow, and the sum of each row is at least 1.
        Z -= np.maximum.reduce(Z, axis=1, keepdims=True)
        true_logits = np.vecdot(Z, T)  # the logits of the true classes, (m,)
        np.exp(Z, out=self.E)
        self.total = np.add.reduce(self.E, axis=1, keepdims=True)
        # Each row of T sums to 1, so -sum(T log softmax(Z)) = log(sum(exp(Z))) - sum(T Z).
        loss = -(1 - self.smoothing) * float(np.add.reduce(true_logits))
        if self.smoothing:
            loss -= self.smoothing / Z.shape[1] * float(np.add.reduce(Z, axis=None))
        loss += float(np.add.reduce(np.log(self.total), axis=None))
        return loss, int(np.count_nonzero(Z.argmax(axis=1) == T.argmax(axis=1)))

    def gradient(self, T: Floats, n_rows: int, dZ: Floats) -> None:
        """After ``measure``: write the gradient of (sum of the losses / ``n_rows``) into ``dZ``, (m, n_classes)."""
        np.divide(self.E, self.total, out=dZ)  # the probabilities P
        if self.smoothing:
            np.multiply(T, 1 - self.smoothing, out=self.work)
            self.work += self.smoothing / T.shape[1]
            dZ -= self.work
        else:
            dZ -= T
        dZ /= n_rows


class BinaryCrossEntropy:
    """-(t log p + (1 - t) log(1 - p)) for each row, where p = sigmoid(z) is the probability of the second class.

    The target t is 1 for the second class and 0 for the first. A two-class network has one output, so Z and dZ are
    (m, 1). The methods are those of ``SoftmaxCrossEntropy``.
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

    def gradient(self, T: Floats, n_rows: int, dZ: Floats) -> None:  # noqa: ARG002 - `measure` has kept the targets
        np.subtract(self.p, self.t, out=dZ)
        dZ /= n_rows


Loss = SoftmaxCrossEntropy | BinaryCrossEntropy


def make_loss(m: int, n_classes: int, smoothing: float, dtype: npt.DTypeLike) -> Loss:
    """The loss of ``m`` rows."""
    if n_classes == 2:
        return BinaryCrossEntropy(m, smoothing, dtype)
    return SoftmaxCrossEntropy(m, n_classes, smoothing, dtype)
