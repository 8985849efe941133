"""The first half of a training step: forward, loss and backward compute the gradient. update.py is the second half."""

from __future__ import annotations

import numpy as np

from stages.mlp.architecture import Architecture
from stages.mlp.arrays import Floats
from stages.mlp.gradient_descent.losses import make_loss
from stages.mlp.layer_list import ParameterViews, make_layers


class Step:
    """Forward, loss and backward for exactly ``m`` rows.

    Parameters
    ----------
    m : rows of a mini-batch, or of a part of it
    architecture : architecture of the network
    views : the parameters, which a step reads; their gradients, which it writes; and the running averages of batch
        normalisation, which it updates
    rng : random numbers for dropout
    """

    def __init__(self, m: int, architecture: Architecture, views: ParameterViews, rng: np.random.Generator) -> None:
        self.layers = make_layers(architecture, views, rng, m)
        self.loss = make_loss(m, architecture.n_classes, architecture.dtype)
        # The gradient of the loss with respect to the logits. Two classes have only one logit.
        self.dZ = np.empty((m, architecture.n_outputs), architecture.dtype)

    def run(self, X: Floats, T: Floats, n_rows: int) -> tuple[float, int]:
        """Compute the gradient of the loss.

        Parameters
        ----------
        X, T : the inputs, (m, n_inputs), and their targets, (m, n_classes)
        n_rows : rows of the whole mini-batch, at least m. The gradient is that of: the sum of the m losses / n_rows

        Returns
        -------
        loss, n_correct : the sum of the losses (the caller divides it) and the number of correct rows, before the
            update
        """
        A = X
        for layer in self.layers:
            A = layer.forward(A)
        loss, n_correct = self.loss.measure(A, T)
        self.loss.gradient(T, n_rows, self.dZ)
        dA = self.dZ
        for layer in reversed(self.layers):
            dA = layer.backward(dA)
        return loss, n_correct
