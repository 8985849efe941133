"""The network: its parameters in one flat vector, how they begin, and the logits that it finds.

All weights lie first in the vector, then everything else, so that weight decay is a matter of one slice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from itertools import accumulate
from math import prod, sqrt
from typing import Any

import numpy as np

from stages.mlp.architecture import Architecture, Images
from stages.mlp.arrays import Floats, shared_zeros
from stages.mlp.deskew import deskewed
from stages.mlp.layer_list import Vectors, make_layers
from stages.mlp.layers.layer import Layer

# What parameters and running averages are filled with, by name without the layer's number; weights are then drawn.
INITIAL_VALUES = {"W": 0, "b": 0, "gamma": 1, "beta": 0, "mean": 0, "variance": 1}


class Network:
    """A multilayer perceptron, behind convolutions if the architecture has any.

    Attributes
    ----------
    parameters : the flat vector, (n_parameters,); ``weights["W1"]`` and so on are views into it
    statistics : running averages of batch normalisation, flat, with the views ``averages``
    images : what the rows are, or None

    Examples
    --------
    >>> import numpy as np
    >>> network = Network(Architecture(n_inputs=64, n_classes=10, hidden=(32,)))
    >>> network.initialise(np.random.default_rng(0))
    >>> network.weights["W1"].shape, network.parameters.shape
    ((64, 32), (2410,))
    """

    def __init__(self, architecture: Architecture, images: Images | None = None) -> None:
        self.architecture, self.images = architecture, images
        # Both lie in shared memory, so that replicas in other processes change the same numbers.
        self.parameters = shared_zeros(flat_size(architecture.shapes), architecture.dtype)
        self.weights = views(self.parameters, architecture.shapes)
        self.statistics = shared_zeros(flat_size(architecture.statistics_shapes), architecture.dtype)
        self.averages = views(self.statistics, architecture.statistics_shapes)
        for name, values in (self.weights | self.averages).items():
            values.fill(INITIAL_VALUES[name.rstrip("0123456789")])

    def __str__(self) -> str:
        """The table of its layers. Its module is imported by name, as in ``History.plot``."""
        table = import_module("stages.notebook.layer_table").layer_table(self)
        return f"{self.architecture.description}\n\n{table}"

    def initialise(self, rng: np.random.Generator, how: str = "he") -> None:
        """Draw every weight afresh, as ``how``, a name in ``INITIALISATIONS``, says; biases become 0.

        The numbers are drawn in float64, layer after layer, so both dtypes start from the same weights.
        """
        if how not in INITIALISATIONS:
            raise ValueError(f"initialisation must be one of {', '.join(INITIALISATIONS)}, not {how!r}")
        n_layers = self.architecture.n_layers
        for i in range(1, n_layers + 1):
            W = self.weights[f"W{i}"]
            W[...] = rng.standard_normal(W.shape) * INITIALISATIONS[how](i, n_layers, len(W))
            self.weights[f"b{i}"].fill(0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied as what it is made of, so that the views stay views and the memory stays shared."""
        return Network, (self.architecture, self.images), (self.parameters, self.statistics)

    def __setstate__(self, state: tuple[Floats, Floats]) -> None:
        self.parameters[...], self.statistics[...] = state

    @property
    def deskew(self) -> str:
        """How rows are deskewed, a name in ``DESKEWS``."""
        return "none" if self.images is None else self.images.deskew

    def prepare(self, X: Floats) -> Floats:
        """Rows (m, n_inputs), deskewed as the network's training rows were."""
        if self.images is None:
            return X
        return deskewed(X, self.images.height, self.images.width, self.images.deskew)

    def logits(self, X: Floats) -> Floats:
        """Prepared rows (m, n_inputs) -> (m, n_outputs), as in prediction: nothing is dropped, nothing is kept."""
        Z = np.asarray(X, self.architecture.dtype)
        for layer in self.layers():
            Z = layer.predict(Z)
        return Z

    def layers(self) -> list[Layer]:
        """The layers, to predict only: as their gradients they have the weights, which ``backward`` would overwrite."""
        return make_layers(self.architecture, self.vectors(self.parameters), np.random.default_rng(0))

    def vectors(self, gradient: Floats, statistics: Floats | None = None) -> Vectors:
        """What layers read and write: gradients into ``gradient``, averages into ``statistics`` if it is given."""
        averages = self.averages if statistics is None else views(statistics, self.architecture.statistics_shapes)
        return Vectors(self.weights, views(gradient, self.architecture.shapes), averages)


def he(layer: int, n_layers: int, n_in: int) -> float:
    """sqrt(2 / n_in), which keeps variances through ReLU; sqrt(1 / n_in) for the last layer. He and others (2015)."""
    return sqrt((1 if layer == n_layers else 2) / n_in)


def tutorial(layer: int, n_layers: int, n_in: int) -> float:  # noqa: ARG001 - one signature for all
    """The tutorial's: W2 as in He, every other weight 0.1."""
    return sqrt(2 / n_in) if layer == 2 else 0.1


# name -> (number of the layer from 1, number of layers, its inputs) -> standard deviation of its weights
INITIALISATIONS: dict[str, Callable[[int, int, int], float]] = {"he": he, "tutorial": tutorial}


def flat_size(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many numbers arrays of these shapes hold together."""
    return sum(prod(shape) for shape in shapes.values())


def views(vector: Floats, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
    """Views into the flat ``vector``, one after the other, in the given shapes."""
    ends = list(accumulate(map(prod, shapes.values())))
    parts = np.split(vector, ends)  # and what is left behind the last one, which is nothing
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=False)}
