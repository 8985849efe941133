"""The first half of a training step: forward, loss and backward compute the gradient. update.py is the second half."""

from __future__ import annotations

from functools import cache, partial
from typing import Protocol

import numpy as np

from stages.mlp.architecture import Architecture
from stages.mlp.arrays import Floats, Rows
from stages.mlp.gradient_descent.losses import make_loss
from stages.mlp.layer_list import ParameterViews, make_layers


class Warper(Protocol):
    """Augments training images. ``augmentation.Warp`` is a warper."""

    def warp(self, X: Floats, rng: np.random.Generator, out: Floats) -> None:
        """Write a warped copy of each row of ``X``, (m, n), into ``out``, (m, n)."""


class Step:
    """Forward, loss and backward for exactly ``m`` rows.

    Parameters
    ----------
    m : rows of a mini-batch, or of a part of it
    architecture : architecture of the network
    views : the parameters, which a step reads; their gradients, which it writes; and the running averages of batch
        normalisation, which it updates
    rng : random numbers for dropout and the warper
    warper : augments the rows, if there is one
    """

    def __init__(
        self,
        m: int,
        architecture: Architecture,
        views: ParameterViews,
        rng: np.random.Generator,
        warper: Warper | None = None,
    ) -> None:
        dtype = np.dtype(architecture.dtype)
        self.rng, self.warper = rng, warper
        self.layers = make_layers(architecture, views, rng, m)
        self.loss = make_loss(m, architecture.n_classes, dtype)
        self.X = np.empty((m, architecture.n_inputs), dtype)
        self._X_as = cache(partial(np.empty, self.X.shape))  # one more buffer, if the training set has another dtype
        # The warper writes column by column. A matrix product reads both orders equally fast.
        self.X_warped = self.X if warper is None else np.empty(self.X.shape, dtype, order="F")
        self.T = np.empty((m, architecture.n_classes), dtype)  # the targets
        self.dZ = np.empty((m, architecture.n_outputs), dtype)  # two classes have only one logit

    def run(self, X: Floats, Y: Floats, rows: Rows, n_rows: int) -> tuple[float, int]:
        """Compute the gradient of the loss.

        Parameters
        ----------
        X, Y : the training set, (M, n_inputs) and (M, n_classes)
        rows : indices of the m rows, (m,)
        n_rows : rows of the whole mini-batch, at least m. The gradient is that of: the sum of the m losses / n_rows

        Returns
        -------
        loss, n_correct : the sum of the losses (the caller divides it) and the number of correct rows, before the
            update
        """
        # mode="clip" writes directly to `out`. The default mode makes a copy first.
        X_stored = self.X if X.dtype == self.X.dtype else self._X_as(X.dtype)
        X.take(rows, axis=0, out=X_stored, mode="clip")
        Y.take(rows, axis=0, out=self.T, mode="clip")
        if X_stored is not self.X:
            np.copyto(self.X, X_stored)
        if self.warper is not None:
            self.warper.warp(self.X, self.rng, self.X_warped)
        A = self.X_warped
        for layer in self.layers:
            A = layer.forward(A)
        loss, n_correct = self.loss.measure(A, self.T)
        self.loss.gradient(self.T, n_rows, self.dZ)
        dA = self.dZ
        for layer in reversed(self.layers):
            dA = layer.backward(dA)
        return loss, n_correct
