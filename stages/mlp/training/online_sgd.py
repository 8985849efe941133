"""Online SGD: plain gradient descent with a mini-batch of one row. It is fast, because rows are taken in blocks.

Every row changes the weights W of the first layer. Even so, the first layer's products can be computed for a whole
block of rows at once. The update u_s of row s is the learning rate times the gradient by the first layer's output.
After t rows the weights are W - sum over s of outer(x_s, u_s), and so

    x_t W_t = x_t W - sum over s < t of (x_t . x_s) u_s.

Two matrix products give x_t W and x_t . x_s for the whole block. A third one updates W at the end of the block. The
result is that of single steps, except for rounding. The later layers are small, and are updated row by row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stages.mlp.arrays import Floats, Rows, forget_pages
from stages.mlp.gradient_descent.losses import make_loss
from stages.mlp.layer_list import make_layers
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.dense import Dense
from stages.mlp.network import Network
from stages.mlp.training.recipe import Recipe
from stages.mlp.training.training_state import StepResults, TrainingState

BLOCK_ROWS = 64


def suits_online(network: Network, recipe: Recipe) -> bool:
    """Whether this is plain gradient descent row by row, on dense layers and activations only."""
    is_plain = recipe.optimiser == "sgd" and not recipe.weight_decay and not recipe.ema and recipe.clip_norm is None
    architecture = network.architecture
    expected = [Dense, ACTIVATIONS[architecture.activation]] * len(architecture.hidden) + [Dense]
    return is_plain and recipe.batch_size == 1 and [type(layer) for layer in network.layers()] == expected


class OnlineSGD:
    """Trains on one row after the other, in blocks. Only replica 0 takes steps; the others wait and validate."""

    def __init__(self, training: TrainingState, index: int) -> None:
        self.training, self.index = training, index
        network, architecture = training.network, training.network.architecture
        views = network.parameter_views(np.empty_like(network.parameters))
        self.first = Dense(*views.weights_of(1), 1, first=True)
        self.later_layers = make_layers(architecture, views, np.random.default_rng(0), 1)[1:]
        self.loss = make_loss(1, architecture.n_classes, architecture.dtype)
        self.dZ = np.empty((1, architecture.n_outputs), architecture.dtype)

    def steps(self, order: Rows, number: int, is_out_of_time: Callable[[], bool]) -> StepResults:
        """As ``MiniBatchTrainer.steps``, but the time is checked only after each block."""
        if self.index > 0:
            return
        X, Y = self.training.X, self.training.Y
        for start in range(0, len(order), BLOCK_ROWS):
            rows = order[start : start + BLOCK_ROWS]
            yield from self.train_on_block(X[rows], Y[rows], (number - 1) * len(order) + start)
            if start % (1024 * BLOCK_ROWS) == 0:
                forget_pages(X)
            if is_out_of_time():
                break

    def train_on_block(self, X: Floats, Y: Floats, first_step: int) -> StepResults:
        """One step for each row of ``X`` (k, n_inputs) and ``Y`` (k, n_classes). ``first_step`` counts from 0."""
        W, b, Y1 = self.first.W, self.first.b, self.first.Y
        inputs = X.astype(W.dtype)
        products, gram = inputs @ W, inputs @ inputs.T  # (k, n_out) and (k, k)
        updates = np.empty_like(products)
        for t in range(len(X)):
            learning_rate = self.training.learning_rate(first_step + t)
            # (t,) @ (t, n_out): the effect of the block's earlier updates
            np.dot(gram[t, :t], updates[:t], out=Y1[0])
            np.subtract(products[t], Y1, out=Y1)
            Y1 += b
            loss, n_correct, dY1 = self.train_later_layers(Y1, Y[t : t + 1], learning_rate)
            np.multiply(dY1[0], learning_rate, out=updates[t])
            b -= updates[t]
            yield loss, n_correct, 1, learning_rate
        W -= np.matmul(inputs.T, updates, out=self.first.dW)

    def train_later_layers(self, A: Floats, T: Floats, learning_rate: float) -> tuple[float, int, Floats]:
        """A step of the later layers: the loss, whether the row was right (0 or 1), and the gradient by ``A``."""
        for layer in self.later_layers:
            A = layer.forward(A)
        loss, n_correct = self.loss.measure(A, T)
        dA = self.dZ
        self.loss.gradient(T, 1, dA)
        for layer in reversed(self.later_layers):
            if isinstance(layer, Dense):
                dX = np.dot(dA, layer.W.T, out=layer.dX)
                dA *= learning_rate
                layer.W -= np.multiply(layer.X.T, dA, out=layer.dW)
                layer.b -= dA[0]
                dA = dX
            else:
                dA = layer.backward(dA)
        return loss, n_correct, dA
