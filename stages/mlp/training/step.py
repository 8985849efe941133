"""One training step: forward, loss, backward, update, shared between workers.

Each worker takes its rows of the batch out of the training set, and finds the loss of its rows. In between, dense
layers divide the work by columns (layers.py): a worker owns rows of their weight matrices, and finds the gradient
of these from the whole batch. Convolutions, with few weights and many places, divide it by rows, and what each
worker's rows give of the gradient is summed (convolution.py). Every worker updates its part of every matrix.
What one of them writes and another reads lies in shared arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.convolution import Convolution
from stages.mlp.layers.dense import BatchNorm, Dense, Dropout, Layer
from stages.mlp.layers.wide_first import LEAST_OUTPUTS, WideFirst
from stages.mlp.network import Network, views
from stages.mlp.parallel.memory import shared_zeros
from stages.mlp.parallel.replicas import Shard
from stages.mlp.parallel.team import Team
from stages.mlp.training.losses import make_loss
from stages.mlp.training.optimisers import Optimiser

Floats = npt.NDArray[np.floating[Any]]

# The optimiser takes so many parameters at a time: its four vectors of them are 2 MB in float32, about what a core's
# second-level cache holds. Smaller pieces gain nothing: NumPy's price for so many short calls is what that saves.
PIECE = 131072


class Warper(Protocol):
    """Writes changed copies of training images; ``augment.Warp`` is one. An instance serves one worker."""

    def warp(self, X: Floats, rng: np.random.Generator, out: Floats) -> None:
        """Write a warped copy of each row of ``X``, (m, n), into ``out``, (m, n)."""

    def forget(self) -> None:
        """Drop what was drawn ahead: an epoch begins, with a generator of its own."""


@dataclass(frozen=True, slots=True)
class Update:
    """How gradients become changes: the optimiser, and what is done around it."""

    optimiser: Optimiser
    weight_decay: float = 0.0
    decoupled: bool = False  # decay the weights themselves (AdamW), not through the gradient
    clip_norm: float | None = None
    ema: float = 0.0


class State:
    """What a training changes besides the network: the gradient, the optimiser's memory, averaged weights."""

    def __init__(self, network: Network, update: Update) -> None:
        n, dtype = network.parameters.size, network.parameters.dtype
        self.gradient = shared_zeros(n, dtype)
        self.memory = shared_zeros((update.optimiser.n_state, n), dtype)
        self.averaged = shared_zeros(n if update.ema else 0, dtype)
        self.averaged[...] = network.parameters[: len(self.averaged)]
        self.step = 0


class Step:
    """The training step for batches of exactly ``m`` rows.

    Parameters
    ----------
    network, state : what is changed
    update : how
    workers : by whom; there is a shard for each
    warpers : one a shard, or none
    x_dtype : of the rows that ``run`` is given
    """

    def __init__(
        self,
        m: int,
        network: Network,
        state: State,
        update: Update,
        *,
        workers: Team,
        label_smoothing: float = 0.0,
        warpers: Sequence[Warper] = (),
        x_dtype: npt.DTypeLike = np.float32,
    ) -> None:
        architecture = network.architecture
        dtype, n_inputs = network.parameters.dtype, architecture.n_inputs
        self.m, self.network, self.state, self.rule, self.warpers = m, network, state, update, warpers
        self.shards = [Shard(i, m, workers) for i in range(workers.count)]
        self.layers = make_layers(m, network, state.gradient, workers.count)
        rows = [shard.rows for shard in self.shards]
        self.losses = [
            make_loss(part.stop - part.start, architecture.n_classes, label_smoothing, dtype) for part in rows
        ]
        self.taken = shared_zeros((m, n_inputs), x_dtype)
        self.X = self.taken if x_dtype == dtype else shared_zeros((m, n_inputs), dtype)
        # Warping writes column by column, and a matrix product reads either order.
        self.X_warped = shared_zeros((n_inputs, m), dtype).T if warpers else self.X
        self.Y = np.empty((m, architecture.n_classes), dtype)
        self.dZ = shared_zeros((m, architecture.sizes[-1]), dtype)
        self.pieces = [list(pieces_of(network, shard)) for shard in self.shards]
        self.work = np.empty((workers.count, PIECE), dtype)
        self.squares = shared_zeros(workers.count, np.float64)
        self.measured = shared_zeros((workers.count, 2), np.float64)  # sum of losses and number of right rows
        self.loss, self.n_correct = 0.0, 0

    def run(
        self, index: int, X: Floats, Y: Floats, batch: npt.NDArray[np.int64], number: int, learning_rate: float
    ) -> None:
        """Shard ``index``'s share of step ``number``, from 1, on the rows ``batch`` of ``X`` and ``Y``.

        Afterwards ``loss`` and ``n_right`` tell shard 0 how the batch went before the step.
        """
        self.forward_and_backward(index, X, Y, batch)
        self.update(index, number, learning_rate)
        self.shards[index].wait()  # for those who still read this batch

    def forward_and_backward(self, index: int, X: Floats, Y: Floats, batch: npt.NDArray[np.int64]) -> None:
        """Take the batch through the network and back: the shard's part of the gradient, and for shard 0 the loss."""
        shard = self.shards[index]
        rows = shard.rows
        # mode="clip" writes straight to `out`; the default would go through a copy.
        np.take(X, batch[rows], axis=0, out=self.taken[rows], mode="clip")
        np.take(Y, batch[rows], axis=0, out=self.Y[rows], mode="clip")
        if self.X is not self.taken:
            np.copyto(self.X[rows], self.taken[rows])
        if self.warpers:
            self.warpers[index].warp(self.X[rows], shard.rng, self.X_warped[rows])
        A = self.X_warped
        for layer in self.layers:
            A = layer.forward(A, shard)
        loss = self.losses[index]
        self.measured[index] = loss.measure(A[rows], self.Y[rows])
        loss.gradient(self.Y[rows], self.m, self.dZ[rows])
        dA = self.dZ
        for layer in reversed(self.layers):
            dA = layer.backward(dA, shard)
        if index == 0:
            self.loss, right = self.measured.sum(axis=0).tolist()
            self.n_correct = int(right)
        for layer in self.layers:
            layer.gradient(shard)

    def update(self, index: int, number: int, learning_rate: float) -> None:
        """Move this shard's part of the parameters, in step ``number``, from 1; this uses up the gradient."""
        rule, state, w = self.rule, self.state, self.network.parameters
        pieces = self.pieces[index]
        factor = self.clip_factor(index) if rule.clip_norm is not None else 1.0
        for piece, decays in pieces:
            parameters, g = w[piece], state.gradient[piece]
            work = self.work[index, : len(g)]
            if factor != 1.0:
                np.multiply(g, factor, out=g)
            if decays and rule.weight_decay:
                if rule.decoupled:
                    np.multiply(parameters, 1 - learning_rate * rule.weight_decay, out=parameters)
                else:
                    np.multiply(parameters, rule.weight_decay, out=work)
                    np.add(g, work, out=g)
            rule.optimiser.update(parameters, g, state.memory[:, piece], work, number, learning_rate)
            if rule.ema:
                averaged = state.averaged[piece]
                np.subtract(parameters, averaged, out=work)
                np.multiply(work, 1 - rule.ema, out=work)
                np.add(averaged, work, out=averaged)

    def clip_factor(self, index: int) -> float:
        """What makes the whole gradient's norm ``clip_norm``, if it is larger; every shard finds the same.

        Pascanu, Mikolov and Bengio (2013), with PyTorch's 1e-6 for a norm of 0.
        """
        gradient = self.state.gradient
        self.squares[index] = sum(float(np.vdot(gradient[piece], gradient[piece])) for piece, _ in self.pieces[index])
        self.shards[index].wait()
        norm = sqrt(self.squares.sum())
        return min(1.0, (self.rule.clip_norm or 0.0) / (norm + 1e-6))


def make_layers(m: int, network: Network, gradient: Floats, shards: int = 1) -> list[Layer]:
    """The network as layers for batches of ``m`` rows that write their gradients into ``gradient``."""
    architecture, W, averages = network.architecture, network.weights, network.averages
    dW = views(gradient, architecture.shapes)
    maps, n_convolutions = architecture.maps, len(architecture.filters)
    layers: list[Layer] = []
    for i, n_out in enumerate(architecture.sizes[1:], start=1):
        is_first, is_last = i == 1, i == network.n_layers
        own = W[f"W{i}"], W[f"b{i}"], dW[f"W{i}"], dW[f"b{i}"]
        n_channels = n_out
        if i <= n_convolutions:
            kernel, stride, n_channels = architecture.kernels[i - 1], architecture.strides[i - 1], maps[i].channels
            layers.append(Convolution(m, maps[i - 1], kernel, stride, *own, first=is_first, shards=shards))
        elif is_first and not is_last and n_out >= LEAST_OUTPUTS:
            layers.append(WideFirst(m, *own, shards=shards))
        else:
            gathers = i == n_convolutions + 1
            layers.append(Dense(m, *own, first=is_first, gathers=gathers, last=is_last, shards=shards))
        if is_last:
            break
        if architecture.batch_norm:
            gamma, beta = f"gamma{i}", f"beta{i}"
            mean, variance = averages[f"mean{i}"], averages[f"variance{i}"]
            places = n_out // n_channels
            layers.append(BatchNorm(m, W[gamma], W[beta], dW[gamma], dW[beta], mean, variance, places=places))
        layers.append(ACTIVATIONS[architecture.activation](m, n_out, architecture.dtype, n_channels=n_channels))
        if architecture.dropout and i >= n_convolutions:
            layers.append(Dropout(m, n_out, architecture.dropout, architecture.dtype, n_channels=n_channels))
    return layers


def pieces_of(network: Network, shard: Shard) -> list[tuple[slice, bool]]:
    """The slices of the flat vector that ``shard`` updates, and whether what lies there decays.

    They are what the shard itself computes the gradient of, its rows of every weight matrix; and for the last
    shard the biases and whatever else there is, short vectors that all have written by the end of backward, or
    that it writes itself.
    """
    pieces: list[tuple[slice, bool]] = []
    start = 0
    for name, shape in network.architecture.shapes.items():
        if name.startswith("W"):
            part = shard.part(shape[0])
            pieces += cut(start + part.start * shape[1], start + part.stop * shape[1], decays=True)
            start += shape[0] * shape[1]
    if shard.index == shard.count - 1:
        pieces += cut(start, network.parameters.size, decays=False)
    return pieces


def cut(start: int, stop: int, *, decays: bool) -> list[tuple[slice, bool]]:
    """Slices of at most PIECE values from ``start`` to ``stop``."""
    return [(slice(at, min(at + PIECE, stop)), decays) for at in range(start, stop, PIECE)]
