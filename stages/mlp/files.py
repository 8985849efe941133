"""The model file: a .npz that describes itself, holds nothing but numbers and text, and can run no code."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from stages.mlp.network import Architecture, Images, Network

FORMAT = "digit-pipeline network"
VERSION = 1


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
    header = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": asdict(network.architecture),
        "images": None if network.images is None else asdict(network.images),
    }
    arrays: dict[str, Any] = {"header": np.array(json.dumps(header)), **network.weights, **network.averages}
    with Path(path).open("wb") as file:
        np.savez(file, **arrays)


def load(path: str | Path) -> Network:
    """Read back what ``save`` wrote.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ModelFileError
        It is damaged, no model, or of another version; the message says which.
    """
    name = Path(path).name
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
        network = read_header(header) if form == (FORMAT, VERSION) else None
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{name} is not a model: its header is missing or wrong ({error})") from error
    if network is None:
        raise ModelFileError(f"{name} is of format {form[0]!r} version {form[1]}; this reads {FORMAT!r} {VERSION}")
    try:
        fill(network, arrays)
    except ValueError as error:
        raise ModelFileError(f"{name} is not as its own header says: {error}") from error
    return network


def read_header(header: dict[str, Any]) -> Network:
    """An empty network as the header describes it."""
    architecture, images = header["architecture"], header["images"]
    return Network(
        Architecture(**{**architecture, "hidden": tuple(architecture["hidden"])}),
        None if images is None else Images(**{**images, "classes": tuple(images["classes"])}),
    )


def fill(network: Network, arrays: dict[str, Any]) -> None:
    """Copy ``arrays`` into the network; ValueError if they are not exactly what it takes."""
    expected = network.weights | network.averages
    if differing := sorted(arrays.keys() ^ expected.keys()):
        raise ValueError(f"{', '.join(differing[:5])} missing or too many")
    for key, values in expected.items():
        found = arrays[key]
        if found.shape != values.shape or found.dtype != values.dtype:
            raise ValueError(f"{key} is {found.dtype} {found.shape}, and should be {values.dtype} {values.shape}")
        if not np.isfinite(found).all():
            raise ValueError(f"{key} holds values that are not finite")
        values[...] = found
