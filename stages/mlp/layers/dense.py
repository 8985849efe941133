"""The dense layer: every output is a weighted sum of all inputs."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats


class Dense:
    """Y = X W + b.

    Parameters
    ----------
    W, b : weights (n_in, n_out) and biases (n_out,)
    dW, db : buffers for their gradients, of the same shapes
    m : rows of a mini-batch, or of a part of it
    first : whether this is the first layer with weights; its dX is not needed, and not computed
    """

    def __init__(self, W: Floats, b: Floats, dW: Floats, db: Floats, m: int, *, first: bool = False) -> None:
        n_in, n_out = W.shape
        self.W, self.b, self.dW, self.db = W, b, dW, db
        self.X: Floats  # (m, n_in), kept from forward to backward
        self.Y = np.empty((m, n_out), W.dtype)
        self.dX = None if first else np.empty((m, n_in), W.dtype)

    def forward(self, X: Floats) -> Floats:
        self.X = X
        np.matmul(X, self.W, out=self.Y)  # (m, n_in) @ (n_in, n_out) -> (m, n_out)
        self.Y += self.b
        return self.Y

    def backward(self, dY: Floats) -> Floats:
        np.matmul(self.X.T, dY, out=self.dW)  # (n_in, m) @ (m, n_out) -> (n_in, n_out)
        dY.sum(axis=0, out=self.db)
        if self.dX is None:
            return dY  # in place of dX: the value is not used
        return np.matmul(dY, self.W.T, out=self.dX)  # (m, n_out) @ (n_out, n_in) -> (m, n_in)

    def predict(self, X: Floats) -> Floats:
        Y = X @ self.W  # (m, n_out)
        Y += self.b
        return Y
