"""The network inside the page: its weights for the script, and how a drawing becomes an image like those it knows."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.images.digit_framing import Framing
from stages.ingest.profile import Profile
from stages.mlp import Architecture, Network
from stages.mlp.layers.dense import BatchNorm
from stages.split.documents import ImageFormat

LARGEST_PAGE = 5_000_000  # bytes


def folded_layers(network: Network) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Each layer's W (n_in, n_out) and b (n_out,), batch normalisation worked into those that it follows.

    A convolution's are (values of a patch, n_filters) and (n_filters,), as it has them.
    """
    layers = []
    for i in range(1, network.n_layers + 1):
        W, b = (network.weights[f"{name}{i}"].astype(np.float64) for name in ("W", "b"))
        if f"mean{i}" in network.averages:
            mean, variance = (network.averages[f"{name}{i}"].astype(np.float64) for name in ("mean", "variance"))
            factor = network.weights[f"gamma{i}"] / np.sqrt(variance + BatchNorm.epsilon)
            W, b = W * factor, (b - mean) * factor + network.weights[f"beta{i}"]
        layers.append((W, b))
    return layers


def convolutions(architecture: Architecture) -> list[dict[str, Any]]:
    """What each convolution looks at, and how."""
    return [
        {"channels": maps.channels, "height": maps.height, "width": maps.width, "kernel": kernel, "stride": stride}
        for maps, kernel, stride in zip(architecture.maps[:-1], architecture.kernels, architecture.strides, strict=True)
    ]


def drawing_model(
    networks: tuple[Network, ...], images: ImageFormat, profile: Profile, framing: Framing, *, room: int
) -> dict[str, Any] | None:
    """What the script must know to answer, as plain data; None if it does not fit into ``room`` bytes.

    ``weights`` are the layers' W, row by row, and b, one after the other, in base64: float32, or float16 (``half``)
    where only that fits. ``shapes`` are those of each W, and ``convolutions`` say what the first layers look at.
    """
    flat = [
        np.concatenate([part.ravel() for layer in folded_layers(network) for part in layer]) for network in networks
    ]
    for dtype in (np.dtype("<f4"), np.dtype("<f2")):
        n_bytes = sum(-(-values.size * dtype.itemsize // 3) * 4 for values in flat)  # in base64
        if n_bytes <= room and max(np.abs(values).max() for values in flat) < np.finfo(dtype).max:
            break
    else:
        return None
    low, high = profile.train.pixel_range
    return {
        "height": images.height,
        "width": images.width,
        "low": low,
        "high": high,
        "offset": images.normaliser.offset,
        "scale": images.normaliser.scale,
        "box": framing.box,
        "centre": framing.centre,
        "half": dtype.itemsize == 2,
        "networks": [
            {
                "shapes": [W.shape for name, W in network.weights.items() if name.startswith("W")],
                "convolutions": convolutions(network.architecture),
                "activation": network.architecture.activation,
                "posture": "as_written" if network.images is None else network.images.posture,
                "weights": base64.b64encode(values.astype(dtype).tobytes()).decode(),
            }
            for network, values in zip(networks, flat, strict=True)
        ],
    }
