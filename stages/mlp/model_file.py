"""The model file: a .npz that describes itself, holds nothing but numbers and text, and can run no code.

It holds one network, or an ensemble: several networks that know the same images.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np

from stages.mlp.architecture import Architecture, Images
from stages.mlp.archive import write_arrays
from stages.mlp.network import Network

FORMAT = "digit-pipeline network"
ENSEMBLE = "digit-pipeline ensemble"
VERSION = 2  # 1 had the weights of a convolution in another order


class ModelFileError(ValueError):
    """The file is not a model, is damaged, or was written by another version."""


def save(network: Network, path: str | Path) -> None:
    """Write ``network`` to ``path``; equal networks give equal bytes.

    The file holds ``header``, a JSON text with the format's name and version, the architecture and what is
    known about the images; every parameter by name (``W1``, (n_in, n_out), ``b1`` ...); and the running
    averages of batch normalisation.

    Examples
    --------
    >>> import tempfile
    >>> network = Network(Architecture(n_inputs=4, n_classes=3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(network, folder + "/model.npz")
    ...     load(folder + "/model.npz").architecture == network.architecture
    True
    """
    header = {"format": FORMAT, "version": VERSION, **describe(network)}
    write(path, header, network.weights | network.averages)


def save_ensemble(networks: Sequence[Network], path: str | Path) -> None:
    """Write several networks to one file: a header that describes each, and ``0/W1``, ``0/b1``, ... ``1/W1``, ..."""
    header = {"format": ENSEMBLE, "version": VERSION, "members": [describe(network) for network in networks]}
    arrays = [
        (f"{number}/{name}", values)
        for number, network in enumerate(networks)
        for name, values in (network.weights | network.averages).items()
    ]
    write(path, header, dict(arrays))


def describe(network: Network) -> dict[str, Any]:
    """What a header says of a network."""
    images = None if network.images is None else asdict(network.images)
    return {"architecture": asdict(network.architecture), "images": images}


def write(path: str | Path, header: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write a header and arrays by name."""
    with Path(path).open("wb") as file:
        write_arrays(file, header, arrays)


def load(path: str | Path) -> Network:
    """Read back what ``save`` wrote.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ModelFileError
        It is damaged, no model, an ensemble, or of another version; the message says which.
    """
    networks, is_ensemble = read(path)
    if is_ensemble:
        raise ModelFileError(f"{Path(path).name} is an ensemble of {len(networks)} networks: read it with load_members")
    return networks[0]


def load_members(path: str | Path) -> tuple[Network, ...]:
    """Read back all networks of what ``save_ensemble`` wrote, or the only one of what ``save`` wrote; as ``load``."""
    return read(path)[0]


def read(path: str | Path) -> tuple[tuple[Network, ...], bool]:
    """The networks in a file, and whether it is an ensemble."""
    name = Path(path).name
    if Path(path).is_file() and not is_zipfile(path):
        raise ModelFileError(f"{name} is damaged or not a model: it is not the archive that a model is kept in")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, BadZipFile, AttributeError, NotImplementedError, zlib.error) as error:
        raise ModelFileError(f"{name} is damaged or not a model: {error}") from error
    try:
        header = json.loads(str(arrays.pop("header")))
        form = (header["format"], header["version"])
        known = form in {(FORMAT, VERSION), (ENSEMBLE, VERSION)}
        is_ensemble = form[0] == ENSEMBLE
        headers = [] if not known else header["members"] if is_ensemble else [header]
        networks = tuple(read_header(each) for each in headers)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{name} is not a model: its header is missing or wrong ({error})") from error
    if not known:
        raise ModelFileError(f"{name} is of format {form[0]!r} version {form[1]}; this reads {FORMAT!r} {VERSION}")
    try:
        fill(networks, arrays, is_ensemble=is_ensemble)
    except ValueError as error:
        raise ModelFileError(f"{name} is not as its own header says: {error}") from error
    return networks, is_ensemble


def read_header(header: dict[str, Any]) -> Network:
    """An empty network as the header describes it."""
    architecture, images = (tuples(header[name]) for name in ("architecture", "images"))
    return Network(Architecture(**architecture), Images(**images) if images else None)


def tuples(values: dict[str, Any] | None) -> dict[str, Any]:
    """``values`` with tuples for the lists that JSON made of them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in (values or {}).items()}


def fill(networks: Sequence[Network], arrays: dict[str, Any], *, is_ensemble: bool) -> None:
    """Copy ``arrays`` into the networks; ValueError if they are not exactly what these take."""
    expected = {
        (f"{number}/{key}" if is_ensemble else key): values
        for number, network in enumerate(networks)
        for key, values in (network.weights | network.averages).items()
    }
    known = {network.images and replace(network.images, deskew="none") for network in networks}
    if len(known) != 1:
        raise ValueError("its networks do not know the same images")
    if differing := sorted(arrays.keys() ^ expected.keys()):
        raise ValueError(f"{', '.join(differing[:5])} missing or too many")
    for key, values in expected.items():
        found = arrays[key]
        if found.shape != values.shape or found.dtype != values.dtype:
            raise ValueError(f"{key} is {found.dtype} {found.shape}, and should be {values.dtype} {values.shape}")
        if not np.isfinite(found).all():
            raise ValueError(f"{key} holds values that are not finite")
        values[...] = found
