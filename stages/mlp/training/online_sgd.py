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
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.dense import Dense
from stages.mlp.network import Network
from stages.mlp.training.recipe import Recipe
from stages.mlp.training.training_state import TrainingState

BLOCK_ROWS = 64


def suits_online(network: Network, recipe: Recipe) -> bool:
    """Whether a training without augmentation is nothing but gradient descent with batches of one row.

    Of layers, those that ``OnlineSGD`` knows must be all that there are.
    """
    is_plain = recipe.optimiser == "sgd" and not recipe.weight_decay and not recipe.ema and recipe.clip_norm is None
    architecture = network.architecture
    known = [Dense, ACTIVATIONS[architecture.activation]] * len(architecture.hidden) + [Dense]
    return is_plain and recipe.batch_size == 1 and [type(layer) for layer in network.layers()] == known


class OnlineSGD:
    """Trains on one row after the other, in blocks. Replica 0 does it alone: the others take no steps."""

    def __init__(self, training: TrainingState, index: int) -> None:
        self.training, self.index = training, index
        network, architecture = training.network, training.network.architecture
        dtype, sizes = network.parameters.dtype, architecture.dense_sizes
        self.W = [network.weights[f"W{i}"] for i in range(1, len(sizes))]
        self.b = [network.weights[f"b{i}"] for i in range(1, len(sizes))]
        self.loss = make_loss(1, architecture.n_classes, training.recipe.label_smoothing, dtype)
        # What each layer makes of one row, (1, n_out), and the gradient by it.
        self.A = [np.empty((1, n), dtype) for n in sizes[1:]]
        self.dA = [np.empty((1, n), dtype) for n in sizes[1:]]
        self.activations = [ACTIVATIONS[architecture.activation]((1, n), dtype) for n in architecture.hidden]
        self.change = [np.empty(W.shape, dtype) for W in self.W]

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
        inputs = X.astype(self.W[0].dtype)
        products, gram = inputs @ self.W[0], inputs @ inputs.T  # (k, n_out) and (k, k)
        steps = np.empty_like(products)
        for t in range(len(X)):
            learning_rate = self.training.learning_rate(first_step + t)
            # (t,) @ (t, n_out): what the rows before this one changed
            np.dot(gram[t, :t], steps[:t], out=self.A[0][0])
            np.subtract(products[t], self.A[0], out=self.A[0])
            loss, n_correct = self.forward(Y[t : t + 1])
            self.backward(learning_rate)
            np.multiply(self.dA[0][0], learning_rate, out=steps[t])
            self.b[0] -= steps[t]
            yield loss, n_correct, 1, learning_rate
        np.matmul(inputs.T, steps, out=self.change[0])
        self.W[0] -= self.change[0]

    def forward(self, T: Floats) -> tuple[float, int]:
        """From the first layer's product in ``A[0]`` to the loss; leaves the logits' gradient in ``dA[-1]``."""
        for i, A in enumerate(self.A):
            if i > 0:
                np.dot(self.activations[i - 1].forward(self.A[i - 1]), self.W[i], out=A)
            np.add(A, self.b[i], out=A)
        measured = self.loss.measure(self.A[-1], T)
        self.loss.gradient(T, 1, self.dA[-1])
        return measured

    def backward(self, learning_rate: float) -> None:
        """From ``dA[-1]`` to ``dA[0]``, the gradient by the first layer's output; updates all other layers."""
        for i in range(len(self.W) - 1, 0, -1):
            dA, change = self.dA[i], self.change[i]
            np.dot(dA, self.W[i].T, out=self.dA[i - 1])
            self.activations[i - 1].backward(self.dA[i - 1])
            dA *= learning_rate
            np.multiply(self.A[i - 1].T, dA, out=change)
            self.W[i] -= change
            self.b[i] -= dA[0]
