"""The data with which the page's script runs the networks and makes an image of a drawing."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from stages.evaluate.report.findings import Findings
from stages.images.digit_framing import find_framing
from stages.mlp import Network
from stages.mlp.arrays import Floats
from stages.mlp.layers.activations import Activation
from stages.mlp.layers.batch_norm import BatchNorm
from stages.mlp.layers.convolution import Convolution
from stages.mlp.layers.dense import Dense
from stages.mlp.layers.dropout import Dropout
from stages.mlp.layers.feature_maps import MapsToRows, RowsToMaps
from stages.mlp.layers.pooling import Pooling

FULL, HALF = np.dtype("<f4"), np.dtype("<f2")  # precisions of the weights in the page
TABLE = re.compile(r"^const (?:layers|deskews) = \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)  # in network.js
NAME = re.compile(r"^  (\w+)[:(]", re.MULTILINE)  # a function in a table

# The attributes of a layer that the script's function for it uses. The function has the name of the layer's class.
ATTRIBUTES: Mapping[type[Any], tuple[str, ...]] = {
    Dense: ("W", "b"),
    Convolution: ("W", "b", "grid"),
    BatchNorm: ("gamma", "beta", "mean", "variance", "epsilon"),
    Pooling: ("maps", "window"),
    **dict.fromkeys((Activation, RowsToMaps, MapsToRows, Dropout), ()),
}


def unknown_parts(networks: Sequence[Network], script: str) -> list[str]:
    """The layers and the deskewing of ``networks`` that the canvas does not know, sorted.

    A layer needs an entry in ``ATTRIBUTES``. Layers and deskewing need a function in ``script``, network.js.
    """
    functions = {name for table in TABLE.findall(script) for name in NAME.findall(table)}
    layers = {type(layer) for network in networks for layer in network.layers()}
    needed = {layer.__name__ for layer in layers} | {network.images["deskew"] for network in networks}
    without_entry = {layer.__name__ for layer in layers if not issubclass(layer, tuple(ATTRIBUTES))}
    return sorted((needed - functions) | without_entry)


def layers_of(network: Network) -> tuple[list[dict[str, Any]], Floats]:
    """The layers from the input to the logits as the script takes them, and their arrays one after the other.

    ``kind`` names the script's function. ``arrays`` lists the layer's arrays in order, by name and number of values.
    The other attributes of a layer are keys beside these two.
    """
    layers, values = [], []
    for layer in network.layers():
        names = next(names for kind, names in ATTRIBUTES.items() if isinstance(layer, kind))
        attributes = {name: getattr(layer, name) for name in names}
        arrays = {name: value for name, value in attributes.items() if isinstance(value, np.ndarray)}
        others = {name: msgspec.to_builtins(value) for name, value in attributes.items() if name not in arrays}
        sizes = [(name, array.size) for name, array in arrays.items()]
        layers.append({**others, "kind": type(layer).__name__, "arrays": sizes})
        values += [array.ravel() for array in arrays.values()]
    return layers, np.concatenate(values)


def drawing_model(findings: Findings, precision: np.dtype[Any], *, largest: int) -> dict[str, Any] | None:
    """The networks and the framing of the images, as plain data for the script.

    Every network's ``weights`` are its layers' arrays, one after the other, as base64 of ``precision``. The result is
    None if they need more than ``largest`` bytes, or a weight is too large for this precision.
    """
    if sum(len(each.parameters) for each in findings.networks) * precision.itemsize * 4 / 3 > largest:
        return None
    described = [layers_of(network) for network in findings.networks]
    if max(np.abs(values).max() for _, values in described) >= np.finfo(precision).max:
        return None
    images = findings.images
    framing = find_framing(findings.predictions.rows.X, images.height, images.width)
    background, ink = findings.input_range
    return {
        "labels": findings.labels,
        "height": images.height,
        "width": images.width,
        "background": background,
        "ink": ink,
        "box": framing.box,
        "centre": framing.centre,
        "half": precision == HALF,
        "networks": [
            {
                "deskew": network.images["deskew"],
                "layers": layers,
                "weights": base64.b64encode(values.astype(precision).tobytes()).decode(),
            }
            for network, (layers, values) in zip(findings.networks, described, strict=True)
        ],
    }
