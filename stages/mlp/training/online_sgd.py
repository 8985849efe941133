"""Online SGD: plain gradient descent one row at a time, as the tutorial does it, in a small part of its time.

What the first layer makes of the next rows can be found for a whole block of them at once, though every row
changes the layer's weights before the next is seen. After t rows with inputs x_s and steps s_s (the learning
rate times the gradient by that layer's output) the weights are W - sum over s of outer(x_s, s_s), and so

    x_t W_t = x_t W - sum over s < t of (x_t . x_s) s_s.

Two matrix products give x_t W and x_t . x_s for the block, a third updates W at its end. The result is that
of the single steps, but for rounding. The other layers are small, and are updated row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from stages.mlp.arrays import Floats, Rows, forget_pages
from stages.mlp.gradient_descent.losses import make_loss
from stages.mlp.layer_list import make_layers
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.dense import Dense
from stages.mlp.network import Network
from stages.mlp.training.recipe import Recipe
from stages.mlp.training.training_state import TrainingState

BLOCK_ROWS = 64


def suits_online(network: Network, recipe: Recipe) -> bool:
    """Whether a training without augmentation is plain gradient descent row by row, of dense layers and activations."""
    is_plain = recipe.optimiser == "sgd" and not recipe.weight_decay and not recipe.ema and recipe.clip_norm is None
    architecture = network.architecture
    known = [Dense, ACTIVATIONS[architecture.activation]] * len(architecture.hidden) + [Dense]
    return is_plain and recipe.batch_size == 1 and [type(layer) for layer in network.layers()] == known


class OnlineSGD:
    """Trains on one row after the other, in blocks. Replica 0 does it alone: the others take no steps."""

    def __init__(self, training: TrainingState, index: int) -> None:
        self.training, self.index = training, index
        network, architecture = training.network, training.network.architecture
        vectors = network.vectors(np.empty_like(network.parameters))
        self.first = Dense(*vectors.weights_of(1), 1, first=True)
        self.others = make_layers(architecture, vectors, np.random.default_rng(0), 1)[1:]
        self.loss = make_loss(1, architecture.n_classes, training.recipe.label_smoothing, architecture.dtype)
        self.dZ = np.empty((1, architecture.n_outputs), architecture.dtype)

    def steps(self, order: Rows, number: int, is_late: Callable[[], bool]) -> Iterator[tuple[float, int, int, float]]:
        """As ``Batches.steps``; the epoch ends early between two blocks."""
        if self.index > 0:
            return
        X, Y = self.training.X, self.training.Y
        for at in range(0, len(order), BLOCK_ROWS):
            rows = order[at : at + BLOCK_ROWS]
            yield from self.train_on(X[rows], Y[rows], (number - 1) * len(order) + at)
            if at % (1024 * BLOCK_ROWS) == 0:
                forget_pages(X)
            if is_late():
                break

    def train_on(self, X: Floats, Y: Floats, first_step: int) -> Iterator[tuple[float, int, int, float]]:
        """A step on each row of a block, ``X`` (k, n_inputs) and ``Y`` (k, n_classes), after ``first_step`` others."""
        W, b, Y1 = self.first.W, self.first.b, self.first.Y
        inputs = X.astype(W.dtype)
        products, gram = inputs @ W, inputs @ inputs.T  # (k, n_out) and (k, k)
        steps = np.empty_like(products)
        for t in range(len(X)):
            learning_rate = self.training.learning_rate(first_step + t)
            # (t,) @ (t, n_out): what the rows before this one changed
            np.dot(gram[t, :t], steps[:t], out=Y1[0])
            np.subtract(products[t], Y1, out=Y1)
            Y1 += b
            loss, n_correct, dY1 = self.train_others(Y1, Y[t : t + 1], learning_rate)
            np.multiply(dY1[0], learning_rate, out=steps[t])
            b -= steps[t]
            yield loss, n_correct, 1, learning_rate
        W -= np.matmul(inputs.T, steps, out=self.first.dW)

    def train_others(self, A: Floats, T: Floats, learning_rate: float) -> tuple[float, int, Floats]:
        """A step of the other layers: the loss, whether the row was right, and the gradient by their input ``A``."""
        for layer in self.others:
            A = layer.forward(A)
        loss, n_correct = self.loss.measure(A, T)
        dA = self.dZ
        self.loss.gradient(T, 1, dA)
        for layer in reversed(self.others):
            if isinstance(layer, Dense):
                dX = np.dot(dA, layer.W.T, out=layer.dX)
                dA *= learning_rate
                layer.W -= np.multiply(layer.X.T, dA, out=layer.dW)
                layer.b -= dA[0]
                dA = dX
            else:
                dA = layer.backward(dA)
        return loss, n_correct, dA
