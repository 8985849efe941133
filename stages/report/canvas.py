"""The network inside the page: its weights for the script, and how a drawing becomes an image like those it knows."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.documents import Images
from stages.mlp import Network
from stages.mlp.layers import BatchNorm
from stages.raw.profile import Profile

LARGEST_PAGE = 5_000_000  # bytes
LOOKED_AT = 2000  # images that are enough to see how all of them are framed


@dataclass(frozen=True, slots=True)
class Framing:
    """How the images hold what they show; found in them, so that a drawing can be framed alike.

    Attributes
    ----------
    box : share of the image's sides that the longer side of what is shown takes; 20 / 28 in MNIST
    by_mass : whether the centre of mass lies in the middle, as in MNIST, or else that of the bounding box
    """

    box: float
    by_mass: bool


def find_framing(X: NDArray[np.float32], height: int, width: int) -> Framing:
    """How the first of the images ``X`` (m, height * width), 0 where they are empty, are framed."""
    images = np.asarray(X[:LOOKED_AT], dtype=np.float64).reshape(-1, height, width)
    images = images[images.any(axis=(1, 2))]
    if not len(images):
        return Framing(1.0, by_mass=False)
    shares, off_mass, off_box = [], [], []
    for axis, side in ((1, height), (2, width)):
        profile = images.sum(axis=3 - axis)  # (m, side)
        first, last = (profile > 0).argmax(axis=1), side - (profile[:, ::-1] > 0).argmax(axis=1)
        shares.append((last - first) / side)
        off_mass.append(profile @ (np.arange(side) + 0.5) / profile.sum(axis=1) / side - 0.5)
        off_box.append((first + last) / 2 / side - 0.5)
    return Framing(
        box=float(np.median(np.maximum(*shares))), by_mass=bool(np.square(off_mass).sum() < np.square(off_box).sum())
    )


def folded_layers(network: Network) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Each layer's W (n_in, n_out) and b (n_out,), batch normalisation worked into those that it follows."""
    layers = []
    for i in range(1, network.n_layers + 1):
        W, b = (network.weights[f"{name}{i}"].astype(np.float64) for name in ("W", "b"))
        if network.architecture.batch_norm and i < network.n_layers:
            mean, variance = (network.averages[f"{name}{i}"].astype(np.float64) for name in ("mean", "variance"))
            factor = network.weights[f"gamma{i}"] / np.sqrt(variance + BatchNorm.epsilon)
            W, b = W * factor, (b - mean) * factor + network.weights[f"beta{i}"]
        layers.append((W, b))
    return layers


def drawing_model(
    networks: tuple[Network, ...], images: Images, profile: Profile, framing: Framing, *, room: int
) -> dict[str, Any] | None:
    """What the script must know to answer, as plain data; None if it does not fit into ``room`` bytes.

    ``weights`` are the layers' W, row by row, and b, one after the other, in base64: float32, or float16 (``half``)
    where only that fits.
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
        "byMass": framing.by_mass,
        "half": dtype.itemsize == 2,
        "networks": [
            {
                "sizes": network.architecture.sizes,
                "activation": network.architecture.activation,
                "posture": "as_written" if network.images is None else network.images.posture,
                "weights": base64.b64encode(values.astype(dtype).tobytes()).decode(),
            }
            for network, values in zip(networks, flat, strict=True)
        ],
    }
