"""Pictures for the page: images and weights as PNG, each a ``data:`` address."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

POSITIVE, NEGATIVE = (213, 94, 0), (0, 114, 178)  # vermilion and blue: told apart with any kind of colour vision
PICTURE_SIDE = 84  # the longer side of a picture on the page, in CSS pixels


def grey_picture(image: NDArray[np.float32]) -> str:
    """``image`` (height, width), in [0, 1], as an 8-bit grey picture."""
    return _address(Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)))


def weight_picture(weights: NDArray[np.float32]) -> str:
    """``weights`` (height, width): orange where positive, blue where negative, transparent where 0."""
    strength = np.abs(weights) / max(float(np.abs(weights).max()), 1e-12)
    pixels = np.empty((*weights.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where(weights[..., None] > 0, POSITIVE, NEGATIVE)
    pixels[..., 3] = np.rint(255 * strength)
    return _address(Image.fromarray(pixels))


def displayed_size(height: int, width: int, side: int = PICTURE_SIDE) -> tuple[int, int]:
    """The size in CSS pixels of a picture of ``height`` x ``width`` pixels, whose longer side becomes ``side``."""
    scale = side / max(height, width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _address(picture: Image.Image) -> str:
    file = BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
