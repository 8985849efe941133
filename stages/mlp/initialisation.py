"""The initial values of the weights: their standard deviation in each layer.

To add an initialisation, write its function and put its name into ``INITIALISATIONS``. docs/architecture.md, "How to
add something", has the other files.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

# (layer number from 1, number of layers, n_in) -> standard deviation of the weights
Initialisation = Callable[[int, int, int], float]


def he(layer: int, n_layers: int, n_in: int) -> float:
    """sqrt(2 / n_in), which suits ReLU; sqrt(1 / n_in) for the last layer. He and others (2015)."""
    return sqrt((1 if layer == n_layers else 2) / n_in)


def tutorial(layer: int, n_layers: int, n_in: int) -> float:  # noqa: ARG001 - one signature for all
    """The tutorial's values: sqrt(2 / n_in) for W2, and 0.1 for every other layer."""
    return sqrt(2 / n_in) if layer == 2 else 0.1


INITIALISATIONS: dict[str, Initialisation] = {"he": he, "tutorial": tutorial}
