"""The losses. Each turns the logits into probabilities, by softmax or sigmoid, and into the loss, both together.

This has two advantages. First, the gradient with respect to the logits is simple: (P - T) / n_rows, where P are the
probabilities and T are the one-hot targets. Second, nothing overflows: the code needs no exponential of a large number,
and no logarithm of 0.

T may also be smoothed (``smoothed``): all that counts is that each row of T sums to 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


class SoftmaxCrossEntropy:
    """-sum(T log softmax(Z)) for each row."""

    def __init__(self, m: int, n_classes: int, dtype: npt.DTypeLike) -> None:
        self.E = np.empty((m, n_classes), dtype)  # exp(Z), after the subtraction of each row's largest logit
        self.total: Floats  # the sum of each row of E, (m, 1)

    def measure(self, Z: Floats, T: Floats) -> tuple[float, int]:
        """The sum of the losses, and the number of correct rows. ``Z`` may be overwritten.

        ``Z`` are the logits and ``T`` are the targets, both (m, n_classes). A row is correct if its largest logit is
        that of the true class; of equal logits, the first one is taken.
        """
        # Subtract the largest logit of each row: then exp cannot overflow, and the sum of each row is at least 1.
        Z -= Z.max(axis=1, keepdims=True)
        np.exp(Z, out=self.E)
        self.total = self.E.sum(axis=1, keepdims=True)
        # Each row of T sums to 1, so -sum(T log softmax(Z)) = log(sum(exp(Z))) - sum(T Z).
        loss = float(np.log(self.total).sum()) - float(np.vdot(T, Z))
        return loss, int(np.count_nonzero(Z.argmax(axis=1) == T.argmax(axis=1)))

    def gradient(self, T: Floats, n_rows: int, dZ: Floats) -> None:
        """After ``measure``: write the gradient of (sum of the losses / ``n_rows``) into ``dZ``, (m, n_classes)."""
        np.divide(self.E, self.total, out=dZ)  # the probabilities P
        dZ -= T
        dZ /= n_rows


class BinaryCrossEntropy:
    """-(t log p + (1 - t) log(1 - p)) for each row, where p = sigmoid(z) is the probability of the second class.

    The target t is 1 for the second class and 0 for the first. A two-class network has one output, so Z and dZ are
    (m, 1). The methods are those of ``SoftmaxCrossEntropy``.
    """

    def __init__(self, m: int, dtype: npt.DTypeLike) -> None:
        self.p = np.empty((m, 1), dtype)

    def measure(self, Z: Floats, T: Floats) -> tuple[float, int]:
        t = T[:, 1:]
        # loss = log(1 + exp(z)) - t z
        loss = float(np.logaddexp(0, Z).sum()) - float((t * Z).sum())
        np.exp(-np.logaddexp(0, -Z), out=self.p)  # p = exp(-log(1 + exp(-z)))
        return loss, int(np.count_nonzero((Z > 0) == (t > 0.5)))

    def gradient(self, T: Floats, n_rows: int, dZ: Floats) -> None:
        np.subtract(self.p, T[:, 1:], out=dZ)
        dZ /= n_rows


Loss = SoftmaxCrossEntropy | BinaryCrossEntropy


def make_loss(m: int, n_classes: int, dtype: npt.DTypeLike) -> Loss:
    """The loss of ``m`` rows."""
    return BinaryCrossEntropy(m, dtype) if n_classes == 2 else SoftmaxCrossEntropy(m, n_classes, dtype)


def smoothed(T: Floats, smoothing: float) -> Floats:
    """Label smoothing: the targets (1 - smoothing) T + smoothing / n_classes (Szegedy and others, 2016)."""
    return T * (1 - smoothing) + smoothing / T.shape[1] if smoothing else T
