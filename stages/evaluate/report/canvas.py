"""What the page's script must know to run the networks, and to make an image of a drawing."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.report.findings import Findings
from stages.images.digit_framing import find_framing
from stages.mlp import Network
from stages.mlp.layers.batch_norm import BatchNorm

FULL, HALF = np.dtype("<f4"), np.dtype("<f2")  # precisions of the weights in the page
TABLE = re.compile(r"^const (?:layers|deskews) = \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)  # in network.js
NAME = re.compile(r"^  (\w+)[:(]", re.MULTILINE)  # a function in a table


def missing_functions(networks: Sequence[Network], script: str) -> list[str]:
    """The layers and the deskewing of ``networks`` for which the ``script``, network.js, has no function, sorted."""
    known = {name for table in TABLE.findall(script) for name in NAME.findall(table)}
    needed = {layer["kind"] for network in networks for layer in layers_of(network)}
    return sorted((needed | {deskew_of(network) for network in networks}) - known)


def deskew_of(network: Network) -> str:
    """The name of the network's deskewing."""
    return "none" if network.images is None else network.images.deskew


def layers_of(network: Network) -> list[dict[str, Any]]:
    """The layers from the input to the logits, as the script takes them.

    ``kind`` names the script's function, and ``shape`` is that of W where the layer has weights. Dropout does nothing
    in prediction, and batch normalisation is folded into the weights before it.
    """
    architecture = network.architecture
    found: list[dict[str, Any]] = []
    activation = {"kind": architecture.activation}
    for i, block in enumerate(architecture.blocks, start=1):
        grid, shape = block.grid, network.weights[f"W{i}"].shape
        convolution = {"kind": "Convolution", "shape": shape, "maps": asdict(grid.maps)}
        found += [{**convolution, "kernel": grid.kernel, "stride": grid.stride}, activation]
        if block.window > 1:
            found.append({"kind": architecture.pooling, "maps": asdict(block.convolved), "window": block.window})
    for i in range(len(architecture.filters) + 1, architecture.n_layers + 1):
        found.append({"kind": "Dense", "shape": network.weights[f"W{i}"].shape})
        found += [activation] if i < architecture.n_layers else []
    return found


def folded_weights(network: Network) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """W and b of each layer that has weights, with the batch normalisation behind it folded in.

    They have the shapes of the network: W (n_in, n_out) and b (n_out,); of a convolution, (values of a patch,
    n_filters) and (n_filters,).
    """
    layers = []
    for i in range(1, network.architecture.n_layers + 1):
        W, b = (network.weights[f"{name}{i}"].astype(np.float64) for name in ("W", "b"))
        if f"mean{i}" in network.averages:
            mean, variance = (network.averages[f"{name}{i}"].astype(np.float64) for name in ("mean", "variance"))
            factor = network.weights[f"gamma{i}"] / np.sqrt(variance + BatchNorm.epsilon)
            W, b = W * factor, (b - mean) * factor + network.weights[f"beta{i}"]
        layers.append((W, b))
    return layers


def drawing_model(findings: Findings, precision: np.dtype[Any], *, largest: int) -> dict[str, Any] | None:
    """The networks and the framing of the images, as plain data for the script.

    Every network's ``weights`` are W and b of its layers, one after the other, as base64 of ``precision``. The result
    is None where they need more than ``largest`` bytes, or are too large as numbers for this precision.
    """
    if sum(len(each.parameters) for each in findings.networks) * precision.itemsize * 4 / 3 > largest:
        return None
    weights = [
        np.concatenate([values.ravel() for layer in folded_weights(network) for values in layer])
        for network in findings.networks
    ]
    if max(np.abs(values).max() for values in weights) >= np.finfo(precision).max:
        return None
    images = findings.images
    framing = find_framing(findings.X, images.height, images.width)
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
                "deskew": deskew_of(network),
                "layers": layers_of(network),
                "weights": base64.b64encode(values.astype(precision).tobytes()).decode(),
            }
            for network, values in zip(findings.networks, weights, strict=True)
        ],
    }
