"""Dropout: in training, random values are set to 0, so that the network does not rely on any single value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


class Dropout:
    """Sets each value to 0 with probability ``rate``, and divides the others by 1 - rate. Prediction changes nothing.

    Srivastava and others, "Dropout" (2014), in the "inverted" form. A mini-batch is (m, n).
    """

    def __init__(self, m: int, n: int, rate: float, rng: np.random.Generator, dtype: npt.DTypeLike) -> None:
        self.rate, self.rng = rate, rng
        self.mask = np.empty((m, n), dtype)  # 0, or 1 / (1 - rate)
        self.Y = np.empty((m, n), dtype)

    def forward(self, X: Floats) -> Floats:
        self.rng.random(dtype=self.mask.dtype, out=self.mask)
        np.greater_equal(self.mask, self.rate, out=self.mask)
        self.mask *= 1 / (1 - self.rate)
        np.multiply(X, self.mask, out=self.Y)
        return self.Y

    def backward(self, dY: Floats) -> Floats:
        dY *= self.mask
        return dY

    def predict(self, X: Floats) -> Floats:
        return X
