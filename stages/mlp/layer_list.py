"""The layers of a network in their order, made in one place for training and for prediction."""

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
class Vectors:
    """Views by name: parameters W1, b1, gamma1, beta1, ..., their gradients, and averages mean1, variance1, ..."""

    weights: Mapping[str, Floats]
    gradients: Mapping[str, Floats]
    averages: Mapping[str, Floats]

    def weights_of(self, i: int) -> tuple[Floats, Floats, Floats, Floats]:
        """W, b, dW and db of layer ``i``, from 1."""
        return self.weights[f"W{i}"], self.weights[f"b{i}"], self.gradients[f"W{i}"], self.gradients[f"b{i}"]

    def batch_norm(self, i: int, shape: tuple[int, ...]) -> BatchNorm:
        """The batch normalisation behind layer ``i``, from 1."""
        gamma, beta = f"gamma{i}", f"beta{i}"
        learned = self.weights[gamma], self.weights[beta], self.gradients[gamma], self.gradients[beta]
        return BatchNorm(*learned, self.averages[f"mean{i}"], self.averages[f"variance{i}"], shape=shape)


def make_layers(architecture: Architecture, vectors: Vectors, rng: np.random.Generator, m: int = 0) -> list[Layer]:
    """The layers from the pixels to the logits, for batches of ``m`` rows; for prediction any ``m`` will do.

    ``rng`` is what dropout draws from.
    """
    return [*convolutional_part(architecture, vectors, m), *dense_part(architecture, vectors, rng, m)]


def convolutional_part(architecture: Architecture, vectors: Vectors, m: int) -> Iterator[Layer]:
    """For each convolution: convolution, normalisation, activation, pooling."""
    dtype, activation, blocks = np.dtype(architecture.dtype), ACTIVATIONS[architecture.activation], architecture.blocks
    if not blocks:
        return
    yield RowsToMaps(blocks[0].grid.maps)
    for i, block in enumerate(blocks, start=1):
        maps = block.convolved
        shape = (maps.height, maps.channels, maps.width, m)
        yield Convolution(*vectors.weights_of(i), block.grid, m, first=i == 1)
        if architecture.batch_norm:
            yield vectors.batch_norm(i, shape)
        yield activation(shape, dtype)
        if block.window > 1:
            yield POOLINGS[architecture.pooling](maps, block.window, m, dtype)
    yield MapsToRows(blocks[-1].pooled, m, dtype)


def dense_part(architecture: Architecture, vectors: Vectors, rng: np.random.Generator, m: int) -> Iterator[Layer]:
    """For each hidden layer: dropout (of pixels never), dense, normalisation, activation. Then the logits."""
    dtype, activation = np.dtype(architecture.dtype), ACTIVATIONS[architecture.activation]
    for i, (n_in, n_out) in enumerate(pairwise(architecture.dense_sizes), start=len(architecture.filters) + 1):
        if architecture.dropout and i > 1:
            yield Dropout(m, n_in, architecture.dropout, rng, dtype)
        yield Dense(*vectors.weights_of(i), m, first=i == 1)
        if i < architecture.n_layers:
            if architecture.batch_norm:
                yield vectors.batch_norm(i, (m, n_out))
            yield activation((m, n_out), dtype)
