"""The model file: a .npz that describes itself, holds nothing but numbers and text, and can run no code.

It holds one network, or several that know the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from stages.mlp.architecture import Architecture, Images
from stages.mlp.archive import ArchiveError, check_arrays, read_arrays, write_arrays
from stages.mlp.network import Network

FORMAT = "digit-pipeline network"
VERSION = 2  # 1 had the weights of a convolution in another order
MOST_VALUES = 2**28  # of one row anywhere in the network, 1 GiB in float32; the presets have some 20,000


class ModelFileError(ValueError):
    """The file is not a model, is damaged, or was written by another version."""


def save(network: Network, path: str | Path) -> None:
    """Write ``network`` to ``path``, as ``save_ensemble`` does.

    Examples
    --------
    >>> import tempfile
    >>> network = Network(Architecture(n_inputs=4, n_classes=3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(network, folder + "/model.npz")
    ...     load(folder + "/model.npz").architecture == network.architecture
    True
    """
    save_ensemble([network], path)


def save_ensemble(networks: Sequence[Network], path: str | Path) -> None:
    """Write networks to one file; equal networks give equal bytes.

    The file holds ``header``, a JSON text with the format's name and version, and each network's architecture and what
    it knows about the images; every parameter by the network's number and its own name (``0/W1``, (n_in, n_out),
    ``0/b1``, ... ``1/W1``, ...); and the running averages of batch normalisation.
    """
    described = [
        {"architecture": asdict(each.architecture), "images": each.images and asdict(each.images)} for each in networks
    ]
    arrays = {
        f"{number}/{name}": values
        for number, network in enumerate(networks)
        for name, values in (network.weights | network.averages).items()
    }
    with Path(path).open("wb") as file:
        write_arrays(file, {"format": FORMAT, "version": VERSION, "networks": described}, arrays)


def load(path: str | Path) -> Network:
    """The only network of a file; as ``load_members``, and ModelFileError where there are several."""
    networks = load_members(path)
    if len(networks) > 1:
        raise ModelFileError(f"{Path(path).name} is an ensemble of {len(networks)} networks: read it with load_members")
    return networks[0]


def load_members(path: str | Path) -> tuple[Network, ...]:
    """Read back all networks of a file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ModelFileError
        It is damaged, no model, or of another version; the message says which.
    """
    name = Path(path).name
    try:
        header, arrays = read_arrays(path)
    except ArchiveError as error:
        raise ModelFileError(f"{name} is damaged or not a model: {error}") from error
    found, version = (str(header.get(key))[:40] for key in ("format", "version"))
    if (found, version) != (FORMAT, str(VERSION)):
        what = f"{name} is not a model that this reads: it is of format {found!r} version {version}"
        raise ModelFileError(f"{what}; this reads {FORMAT!r} version {VERSION}")
    try:
        described = [(architecture_of(each["architecture"]), images_of(each["images"])) for each in header["networks"]]
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelFileError(f"{name} is not a model: its header is missing or wrong ({str(error)[:200]})") from error
    try:
        check_images(described)
        expected = {
            f"{number}/{name}": (shape, np.dtype(architecture.dtype))
            for number, (architecture, _) in enumerate(described)
            for name, shape in (architecture.shapes | architecture.statistics_shapes).items()
        }
        check_arrays(arrays, expected)
    except ValueError as error:
        raise ModelFileError(f"{name} is not as its own header says: {str(error)[:200]}") from error
    # Only now is it certain that the networks take no more memory than the arrays did.
    networks = tuple(Network(architecture, images) for architecture, images in described)
    for number, network in enumerate(networks):
        for key, values in (network.weights | network.averages).items():
            values[...] = arrays[f"{number}/{key}"]
    return networks


def architecture_of(described: dict[str, Any]) -> Architecture:
    """What a header says of an architecture; an error where that is none, or needs more memory than there is."""
    architecture = Architecture(**tuples(described))
    switches = {field.name: getattr(architecture, field.name) for field in fields(architecture) if field.type == "bool"}
    if any(type(value) is not bool for value in switches.values()) or architecture.values > MOST_VALUES:
        raise ValueError(f"it says {switches}, and a row becomes {architecture.values:,} values")
    return architecture


def images_of(described: dict[str, Any] | None) -> Images | None:
    """What a header says of the images; an error where that is not what images can be."""
    return None if described is None else Images(**tuples(described))


def tuples(described: dict[str, Any]) -> dict[str, Any]:
    """``described`` with tuples for the lists that JSON made of them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in described.items()}


def check_images(described: Sequence[tuple[Architecture, Images | None]]) -> None:
    """ValueError unless all networks know the same images, and these fit what goes in and comes out."""
    if len({images and replace(images, deskew="none") for _, images in described}) != 1:
        raise ValueError("its networks do not know the same images")
    for architecture, images in described:
        if images is None:
            continue
        if images.height * images.width != architecture.n_inputs:
            raise ValueError(f"images of {images.height} x {images.width}, but {architecture.n_inputs} inputs")
        if len(images.classes) != architecture.n_classes:
            raise ValueError(f"it names {len(images.classes)} of {architecture.n_classes} classes")
