"""The JSON that split writes, as strict models."""

from __future__ import annotations

from typing import Literal

from stages.shared.documents import Count, Document, Positive

Scaling = Literal["range", "min_max"]


class Normaliser(Document, frozen=True):
    """How a raw pixel becomes a number in [0, 1]: ``(pixel - offset) / scale``, then clipped to [0, 1].

    The background becomes 0 and the ink 1. So where images are dark on light, ``scale`` is negative.
    """

    kind: Scaling
    offset: float
    scale: float

    def __post_init__(self) -> None:
        if self.scale == 0:
            raise ValueError("scale is 0")


class ImageFormat(Document, frozen=True):
    """``split/images.json``: the shape of one image, its normaliser, and how many rows each part has."""

    height: Positive
    width: Positive
    normaliser: Normaliser
    n_train: Positive
    n_validation: Count
    n_test: Count
