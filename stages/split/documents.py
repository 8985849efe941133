"""The JSON that split writes, as strict models."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stages.shared.documents import Count, Document, Positive


class Normaliser(Document, frozen=True):
    """How a raw pixel becomes a number in [0, 1]: ``(pixel - offset) / scale``, then clipped to [0, 1]."""

    kind: Literal["range", "min_max"]
    offset: float
    scale: Annotated[float, Meta(gt=0.0)]


class ImageFormat(Document, frozen=True):
    """``split/images.json``: the shape of one image, its normaliser, and how many rows each part has."""

    height: Positive
    width: Positive
    normaliser: Normaliser
    n_train: Positive
    n_validation: Count
    n_test: Count
