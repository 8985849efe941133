"""The model file: a .npz file with only numbers and text, so that reading it cannot run code.

It holds one network, or several networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from stages.mlp.architecture import Architecture
from stages.mlp.archive import ArchiveError, check_arrays, read_arrays, write_arrays
from stages.mlp.network import Network

FORMAT = "digit-pipeline network"
VERSION = 2  # version 1 stored the weights of a convolution in another order
MAX_ROW_VALUES = 2**28  # values per row in any layer: 1 GiB in float32; the presets have about 20,000


class ModelFileError(ValueError):
    """The file is not a model, is damaged, or has another version."""


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
    """Write networks to one file. Equal networks give equal bytes.

    ``header`` is a JSON text with the format, its version, and the architecture and images of each network. Parameters
    and running averages are stored by the network's number and their own names: ``0/W1``, ``0/b1``, ..., ``1/W1``, ...
    """
    descriptions = [{"architecture": asdict(each.architecture), "images": each.images or None} for each in networks]
    arrays = {
        f"{number}/{name}": values
        for number, network in enumerate(networks)
        for name, values in (network.weights | network.averages).items()
    }
    with Path(path).open("wb") as file:
        write_arrays(file, {"format": FORMAT, "version": VERSION, "networks": descriptions}, arrays)


def load(path: str | Path) -> Network:
    """The network of a file with one network. As ``load_members``, and ModelFileError if there are several."""
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
        The file is damaged, is not a model, or has another version. The message says which.
    """
    name = Path(path).name
    try:
        header, arrays = read_arrays(path)
    except ArchiveError as error:
        raise ModelFileError(f"{name} is damaged or not a model: {error}") from error
    if (header.get("format"), header.get("version")) != (FORMAT, VERSION):
        found, version = (str(header.get(key))[:40] for key in ("format", "version"))
        what = f"{name} is not a model that this reads: it is of format {found!r} version {version}"
        raise ModelFileError(f"{what}; this reads {FORMAT!r} version {VERSION}")
    try:
        descriptions = read_descriptions(header["networks"], len(arrays))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelFileError(f"{name} is not a model: its header is missing or wrong ({str(error)[:200]})") from error
    try:
        expected = {
            f"{number}/{name}": (shape, np.dtype(architecture.dtype))
            for number, (architecture, _) in enumerate(descriptions)
            for name, shape in (architecture.shapes | architecture.statistics_shapes).items()
        }
        check_arrays(arrays, expected)
    except ValueError as error:
        raise ModelFileError(f"{name} is not as its own header says: {str(error)[:200]}") from error
    # Allocate the networks only after these checks: now they cannot be larger than the arrays that were read.
    networks = tuple(Network(architecture, images) for architecture, images in descriptions)
    for number, network in enumerate(networks):
        for key, values in (network.weights | network.averages).items():
            values[...] = arrays[f"{number}/{key}"]
    return networks


def read_descriptions(networks: list[dict[str, Any]], n_arrays: int) -> list[tuple[Architecture, dict[str, Any]]]:
    """The architectures and images in the header of a file with ``n_arrays``. Errors as in ``read_architecture``."""
    n_layers = sum(len(each["architecture"][kind]) for each in networks for kind in ("filters", "hidden"))
    if not networks:
        raise ValueError("it names no network")
    if n_layers > n_arrays:  # the shapes of a million layers would need much memory
        raise ValueError(f"it says that there are {n_layers:,} layers, and has {n_arrays} arrays")
    return [(read_architecture(each["architecture"]), lists_to_tuples(each["images"] or {})) for each in networks]


def read_architecture(fields_by_name: dict[str, Any]) -> Architecture:
    """The architecture in a header. Raises an error (of several kinds) if it is wrong, or needs too much memory."""
    architecture = Architecture(**lists_to_tuples(fields_by_name))
    switches = {field.name: getattr(architecture, field.name) for field in fields(architecture) if field.type == "bool"}
    if any(type(value) is not bool for value in switches.values()) or architecture.max_row_values > MAX_ROW_VALUES:
        raise ValueError(f"it says {switches}, and a row becomes {architecture.max_row_values:,} values")
    return architecture


def lists_to_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """``values`` with tuples in place of lists, because JSON has no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
