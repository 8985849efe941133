"""The rows of a mini-batch: copied from the training set, converted to the network's dtype, and augmented."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats, Rows


class Warper(Protocol):
    """Augments training rows. ``stages.images.augmentation.Warp`` is a warper of images."""

    def warp(self, X: Floats, rng: np.random.Generator, out: Floats) -> None:
        """Write a warped copy of each row of ``X``, (m, n), into ``out``, (m, n)."""


class MiniBatch:
    """Buffers for ``m`` rows of the training set ``X``, (M, n_inputs), and ``Y``, (M, n_classes)."""

    def __init__(self, m: int, X: Floats, Y: Floats, dtype: npt.DTypeLike) -> None:
        shape = m, X.shape[1]
        self.X_stored = np.empty(shape, X.dtype)
        self.X = self.X_stored if X.dtype == dtype else np.empty(shape, dtype)
        # A warper writes column by column. A matrix product reads both orders equally fast.
        self.X_warped = np.empty(shape, dtype, order="F")
        self.T = np.empty((m, Y.shape[1]), dtype)

    def load(
        self, X: Floats, Y: Floats, rows: Rows, rng: np.random.Generator, warper: Warper | None
    ) -> tuple[Floats, Floats]:
        """The inputs (m, n_inputs), warped if there is a warper, and the targets (m, n_classes) of these ``rows``."""
        # mode="clip" writes directly to `out`. The default mode makes a copy first.
        X.take(rows, axis=0, out=self.X_stored, mode="clip")
        Y.take(rows, axis=0, out=self.T, mode="clip")
        if self.X is not self.X_stored:
            np.copyto(self.X, self.X_stored)
        if warper is None:
            return self.X, self.T
        warper.warp(self.X, rng, self.X_warped)
        return self.X_warped, self.T
