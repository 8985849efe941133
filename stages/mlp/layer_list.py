"""The list of a network's layers, for training and for prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stages.mlp.architecture import Architecture
from stages.mlp.arrays import Floats
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.batch_norm import BatchNorm
from stages.mlp.layers.convolution import Convolution
from stages.mlp.layers.dense import Dense
from stages.mlp.layers.dropout import Dropout
from stages.mlp.layers.feature_maps import MapsToRows, RowsToMaps
from stages.mlp.layers.layer import Layer
from stages.mlp.layers.pooling import POOLINGS


@dataclass(frozen=True, slots=True)
class ParameterViews:
    """Parameters W1, b1, gamma1, beta1, ..., their gradients by the same names, and averages mean1, variance1, ..."""

    weights: Mapping[str, Floats]
    gradients: Mapping[str, Floats]
    averages: Mapping[str, Floats]

    def weights_of(self, i: int) -> tuple[Floats, Floats, Floats, Floats]:
        """W, b, dW and db of layer ``i``; the first is 1."""
        return self.weights[f"W{i}"], self.weights[f"b{i}"], self.gradients[f"W{i}"], self.gradients[f"b{i}"]

    def batch_norm(self, i: int, shape: tuple[int, ...]) -> BatchNorm:
        """The batch normalisation after layer ``i``."""
        gamma, beta = f"gamma{i}", f"beta{i}"
        learned = self.weights[gamma], self.weights[beta], self.gradients[gamma], self.gradients[beta]
        return BatchNorm(*learned, self.averages[f"mean{i}"], self.averages[f"variance{i}"], shape=shape)


def make_layers(architecture: Architecture, views: ParameterViews, rng: np.random.Generator, m: int = 0) -> list[Layer]:
    """The layers from the pixels to the logits, for mini-batches of ``m`` rows. Dropout draws from ``rng``.

    ``m`` matters only in training: ``predict`` takes any number of rows.
    """
    return [*convolutional_part(architecture, views, m), *dense_part(architecture, views, rng, m)]


def convolutional_part(architecture: Architecture, views: ParameterViews, m: int) -> Iterator[Layer]:
    """``RowsToMaps``. For each block: convolution, batch normalisation, activation, pooling. Then ``MapsToRows``."""
    dtype, activation, blocks = np.dtype(architecture.dtype), ACTIVATIONS[architecture.activation], architecture.blocks
    if not blocks:
        return
    yield RowsToMaps(blocks[0].grid.maps)
    for i, block in enumerate(blocks, start=1):
        maps = block.convolved
        shape = (maps.height, maps.channels, maps.width, m)
        yield Convolution(*views.weights_of(i), block.grid, m, first=i == 1)
        if architecture.batch_norm:
            yield views.batch_norm(i, shape)
        yield activation(shape, dtype)
        if block.window > 1:
            yield POOLINGS[architecture.pooling](maps, block.window, m, dtype)
    yield MapsToRows(blocks[-1].pooled, m, dtype)


def dense_part(architecture: Architecture, views: ParameterViews, rng: np.random.Generator, m: int) -> Iterator[Layer]:
    """For each hidden layer: dropout, dense, batch normalisation, activation. Then dropout and dense for the logits."""
    dtype, activation = np.dtype(architecture.dtype), ACTIVATIONS[architecture.activation]
    for i, (n_in, n_out) in enumerate(pairwise(architecture.dense_sizes), start=len(architecture.filters) + 1):
        if architecture.dropout and i > 1:
            yield Dropout(m, n_in, architecture.dropout, rng, dtype)
        yield Dense(*views.weights_of(i), m, first=i == 1)
        if i < architecture.n_layers:
            if architecture.batch_norm:
                yield views.batch_norm(i, (m, n_out))
            yield activation((m, n_out), dtype)
