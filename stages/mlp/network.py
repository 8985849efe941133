"""The network: its parameters in one flat vector, their initial values, and the logits.

The weights come first in the vector, so that weight decay applies to one slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from stages.mlp.architecture import Architecture
from stages.mlp.arrays import Floats, shared_zeros
from stages.mlp.initialisation import INITIALISATIONS
from stages.mlp.layer_list import ParameterViews, make_layers
from stages.mlp.layers.layer import Layer

# Initial values of parameters and running averages, by name without the layer's number. `initialise` draws the weights.
INITIAL_VALUES = {"W": 0, "b": 0, "gamma": 1, "beta": 0, "mean": 0, "variance": 1}


class Network:
    """A network with its parameters.

    Attributes
    ----------
    parameters : all parameters in one flat vector, (n_parameters,)
    weights : views into ``parameters`` by name: W1, b1, gamma1, ...
    statistics : the running averages of batch normalisation in one flat vector
    averages : views into ``statistics`` by name: mean1, variance1, ...
    images : what the user knows about the images in the rows, as plain data for the model file; it is not used here

    Examples
    --------
    >>> import numpy as np
    >>> network = Network(Architecture(n_inputs=64, n_classes=10, hidden=(32,)))
    >>> network.initialise(np.random.default_rng(0))
    >>> network.weights["W1"].shape, network.parameters.shape
    ((64, 32), (2410,))
    """

    def __init__(self, architecture: Architecture, images: Mapping[str, Any] | None = None) -> None:
        self.architecture, self.images = architecture, dict(images or {})
        # Both vectors are in shared memory, so that replicas in other processes update the same numbers.
        self.parameters = shared_zeros(flat_size(architecture.shapes), architecture.dtype)
        self.weights = views(self.parameters, architecture.shapes)
        self.statistics = shared_zeros(flat_size(architecture.statistics_shapes), architecture.dtype)
        self.averages = views(self.statistics, architecture.statistics_shapes)
        for name, values in (self.weights | self.averages).items():
            values.fill(INITIAL_VALUES[name.rstrip("0123456789")])

    def __str__(self) -> str:
        """A table of the layers. The module is imported by its name, for the reason given in ``History.plot``."""
        table = import_module("stages.notebook.layer_table").layer_table(self)
        return f"{self.architecture.description}\n\n{table}"

    def initialise(self, rng: np.random.Generator, how: str = "he") -> None:
        """Draw all weights at random, and set all biases to 0. ``how`` is a name in ``INITIALISATIONS``.

        The weights are drawn in float64, so both dtypes start from the same weights, except for rounding.
        """
        if how not in INITIALISATIONS:
            raise ValueError(f"initialisation must be one of {', '.join(INITIALISATIONS)}, not {how!r}")
        n_layers = self.architecture.n_layers
        for i in range(1, n_layers + 1):
            W = self.weights[f"W{i}"]
            W[...] = rng.standard_normal(W.shape) * INITIALISATIONS[how](i, n_layers, len(W))
            self.weights[f"b{i}"].fill(0)

    def __reduce__(self) -> tuple[Any, ...]:
        """How pickle and copy make a network: a new one has its own shared memory, and views into it."""
        return Network, (self.architecture, self.images), (self.parameters, self.statistics)

    def __setstate__(self, state: tuple[Floats, Floats]) -> None:
        self.parameters[...], self.statistics[...] = state

    def logits(self, X: Floats) -> Floats:
        """Rows (m, n_inputs) -> logits (m, n_outputs), in prediction."""
        Z = np.asarray(X, self.architecture.dtype)
        for layer in self.layers():
            Z = layer.predict(Z)
        return Z

    def layers(self) -> list[Layer]:
        """The layers for prediction only. ``backward`` would overwrite the parameters with gradients."""
        return make_layers(self.architecture, self.parameter_views(self.parameters), np.random.default_rng(0))

    def parameter_views(self, gradient: Floats, statistics: Floats | None = None) -> ParameterViews:
        """Views into ``gradient`` and ``statistics``; the default is the network's statistics."""
        averages = self.averages if statistics is None else views(statistics, self.architecture.statistics_shapes)
        return ParameterViews(self.weights, views(gradient, self.architecture.shapes), averages)


def flat_size(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The total number of values in arrays of these shapes."""
    return sum(prod(shape) for shape in shapes.values())


def views(vector: Floats, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
    """Consecutive views into the flat ``vector``, in the given shapes."""
    ends = list(accumulate(map(prod, shapes.values())))
    parts = np.split(vector, ends)  # the last part is empty
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=False)}
