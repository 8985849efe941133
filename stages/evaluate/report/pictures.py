"""Pictures inside the page: images and weights as PNG, each a ``data:`` address."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.mlp import Augmentation, Network, Warp

POSITIVE, NEGATIVE = (213, 94, 0), (0, 114, 178)  # vermilion and blue: told apart with any kind of colour vision
MOST_UNITS = 64  # weight pictures


def grey_picture(image: NDArray[np.float32]) -> str:
    """``image`` (height, width), in [0, 1], as an 8-bit grey picture."""
    return _address(Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)))


def weight_picture(weights: NDArray[np.float32]) -> str:
    """``weights`` (height, width): orange where positive, blue where negative, clear where 0, on any ground."""
    strength = np.abs(weights) / max(float(np.abs(weights).max()), 1e-12)
    pixels = np.empty((*weights.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where(weights[..., None] > 0, POSITIVE, NEGATIVE)
    pixels[..., 3] = np.rint(255 * strength)
    return _address(Image.fromarray(pixels))


def _address(picture: Image.Image) -> str:
    file = BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def strongest_units(network: Network, most: int = MOST_UNITS) -> NDArray[np.int64]:
    """The first layer's units with the longest weight vectors, the longest first; if they are the classes, in order."""
    W = network.weights["W1"]  # (n_inputs, n_units)
    if network.n_layers == 1:
        return np.arange(W.shape[1])[:most]
    return np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:most]


def warped(
    image: NDArray[np.float32], augmentation: Augmentation, rng: np.random.Generator, copies: int
) -> NDArray[np.float32]:
    """``copies`` of ``image`` (height, width), each warped by a field of its own: (copies, height, width)."""
    height, width = image.shape
    X = np.tile(np.asarray(image, dtype=np.float32).reshape(1, -1), (copies, 1))  # (copies, n_pixels)
    X_warped = np.empty_like(X)
    Warp(augmentation, height, width, group=1).warp(X, rng, out=X_warped)
    return X_warped.reshape(copies, height, width)
