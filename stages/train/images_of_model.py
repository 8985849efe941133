"""What the networks of a model know of their images, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from stages.images.model_images import Images
from stages.mlp import Network


def images_of(networks: Sequence[Network]) -> Images:
    """The images of ``networks``, which may differ in deskewing only. ValueError if they are missing or do not fit."""
    try:
        known = [checked_images(network) for network in networks]
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"what it says of its images is missing or wrong: {str(error)[:200]}") from error
    if len({replace(images, deskew="none") for images in known}) > 1:
        raise ValueError("its networks do not know the same images")
    return known[0]


def checked_images(network: Network) -> Images:
    """What a network knows of its images. Raises an error (of several kinds) if it is wrong or does not fit."""
    if missing := {field.name for field in fields(Images)} - network.images.keys():
        raise ValueError(f"there is no {min(missing)}")
    images, architecture = Images(**network.images), network.architecture
    if images.height * images.width != architecture.n_inputs:
        raise ValueError(f"images of {images.height} x {images.width}, but {architecture.n_inputs} inputs")
    if len(images.classes) != architecture.n_classes:
        raise ValueError(f"it names {len(images.classes)} of {architecture.n_classes} classes")
    return images
