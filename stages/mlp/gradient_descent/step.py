"""The first half of a training step on m rows: forward, loss, backward. It gives the gradient; update.py applies it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from stages.mlp.architecture import Architecture
from stages.mlp.arrays import Floats, Rows
from stages.mlp.gradient_descent.losses import make_loss
from stages.mlp.layer_list import Vectors, make_layers


class Warper(Protocol):
    """What augments training images; ``augmentation.Warp`` is one."""

    def warp(self, X: Floats, rng: np.random.Generator, out: Floats) -> None:
        """Write a warped copy of each row of ``X``, (m, n), into ``out``, (m, n)."""


class Step:
    """Forward, loss and backward for exactly ``m`` rows.

    Parameters
    ----------
    m : rows
    architecture : of the network whose gradient is wanted
    vectors : its parameters, which a step only reads; their gradients, which it writes; and the running averages of
        batch normalisation, which forward moves
    rng : what dropout and the warper draw from
    label_smoothing : of the loss
    warper : warps the rows first, if there is one
    x_dtype : of the rows that ``run`` is given; layers compute in the network's dtype
    """

    def __init__(
        self,
        m: int,
        architecture: Architecture,
        vectors: Vectors,
        rng: np.random.Generator,
        *,
        label_smoothing: float = 0.0,
        warper: Warper | None = None,
        x_dtype: npt.DTypeLike = np.float32,
    ) -> None:
        dtype = np.dtype(architecture.dtype)
        self.rng, self.warper = rng, warper
        self.layers = make_layers(architecture, vectors, rng, m)
        self.loss = make_loss(m, architecture.n_classes, label_smoothing, dtype)
        # `taken`, `X` and `X_warped` are one array where nothing is to be converted, and nothing to be warped.
        self.taken = np.empty((m, architecture.n_inputs), x_dtype)  # the rows as they are stored
        self.X = self.taken if x_dtype == dtype else np.empty(self.taken.shape, dtype)
        # Warping writes column by column, and a matrix product reads either order.
        self.X_warped = self.X if warper is None else np.empty(self.taken.shape, dtype, order="F")
        self.T = np.empty((m, architecture.n_classes), dtype)  # their labels, the targets
        self.dZ = np.empty((m, architecture.n_outputs), dtype)  # two classes have one logit

    def run(self, X: Floats, Y: Floats, rows: Rows, n_rows: int) -> tuple[float, int]:
        """The gradient of the loss, and how the rows did.

        Parameters
        ----------
        X, Y : the training set, (M, n_inputs) and (M, n_classes)
        rows : which m of them
        n_rows : what the sum of the losses is divided by: m, unless these rows are only a part of a batch

        Returns
        -------
        loss, n_correct : sums over the m rows, before the update
        """
        # mode="clip" writes straight to `out`; the default would go through a copy.
        X.take(rows, axis=0, out=self.taken, mode="clip")
        Y.take(rows, axis=0, out=self.T, mode="clip")
        if self.X is not self.taken:
            np.copyto(self.X, self.taken)
        if self.warper is not None:
            self.warper.warp(self.X, self.rng, self.X_warped)
        A = self.X_warped
        for layer in self.layers:
            A = layer.forward(A)
        measured = self.loss.measure(A, self.T)
        self.loss.gradient(self.T, n_rows, self.dZ)
        dA = self.dZ
        for layer in reversed(self.layers):
            dA = layer.backward(dA)
        return measured
