"""The weights of the first layer as pictures, each in the shape of the receptive field of its unit or filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.report.png import displayed_size, weight_picture
from stages.mlp import Network

MOST_UNITS = 64


def strongest_units(network: Network) -> NDArray[np.int64]:
    """The first layer's units with the largest weight norms, the largest first; or the classes, if it is the last."""
    W = network.weights["W1"]  # (n_inputs, n_units)
    if network.architecture.n_layers == 1:
        return np.arange(W.shape[1])[:MOST_UNITS]
    return np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:MOST_UNITS]


def weight_pictures(network: Network, height: int, width: int, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The pictures of the strongest units, for images of ``height`` x ``width``."""
    classes = labels[1:] if len(labels) == 2 else labels  # with two classes there is one output, for the second
    shape = receptive_field(network, height, width)
    shown_height, shown_width = displayed_size(*shape)
    unit_name = "filter" if network.architecture.filters else "unit"
    found = []
    for unit in strongest_units(network).tolist():
        caption = classes[unit] if network.architecture.n_layers == 1 else ""
        found.append(
            {
                "picture": weight_picture(network.weights["W1"][:, unit].reshape(shape)),
                "height": shown_height,
                "width": shown_width,
                "name": caption or f"{unit_name} {unit}",
                "caption": caption,
            }
        )
    return found


def caption_of_weights(networks: Sequence[Network], height: int, width: int) -> str:
    """What the pictures show."""
    network = networks[0]
    n_units, n_shown = len(network.weights["b1"]), len(strongest_units(network))
    if network.architecture.n_layers == 1:
        which = "" if n_shown == n_units else f", the first {n_shown} of {n_units:,}"
        return f"There is no hidden layer: each picture is the weights of one output{which}."
    whose = " of the first network" if len(networks) > 1 else ""
    order = ", the strongest first" if n_shown == n_units else f"; these are the {n_shown} strongest"
    if not network.architecture.filters:
        return f"Each picture is the weights of one of the {n_units:,} units in the first layer{whose}{order}."
    rows, columns = receptive_field(network, height, width)
    return (
        f"Each picture is one of the {n_units:,} filters in the first convolution{whose}{order}. "
        f"A filter is {rows} x {columns} weights, which move over the whole image."
    )


def receptive_field(network: Network, height: int, width: int) -> tuple[int, int]:
    """Height and width of the receptive field of the first layer's units: the image, or the part under a kernel."""
    blocks = network.architecture.blocks
    return (blocks[0].grid.kernel, blocks[0].grid.kernel) if blocks else (height, width)
