"""The archive in which models and checkpoints are kept: NumPy's .npz, with a header of JSON beside the arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo, is_zipfile

import numpy as np
import numpy.typing as npt
from numpy.lib.format import read_array_header_1_0, read_magic

from stages.mlp.signals import signals_held

UNIX = 3  # the system that zip files name as their maker
READABLE = 0o600 << 16  # a member's permissions, where zip files keep them
MOST_TIMES = 10  # the file's size, which the arrays may have: numbers hardly shrink, a zip bomb does


class ArchiveError(ValueError):
    """The file is no such archive, or is damaged."""


def write_arrays(file: IO[bytes], header: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a header and arrays by name as NumPy's archive, completely even if a signal comes.

    Equal arrays give equal bytes: what a zip file says of its members depends on neither time, system nor Python.
    """
    named = {"header": np.array(json_of(header)), **arrays}
    # An interrupted archive would raise its own error, about not being complete, in place of the signal's.
    with signals_held(), ZipFile(file, "w", ZIP_STORED) as archive:
        for name, values in named.items():
            member = ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = UNIX, READABLE
            with archive.open(member, "w", force_zip64=True) as stream:  # its size is not known yet
                np.lib.format.write_array(stream, np.asanyarray(values), allow_pickle=False)


def json_of(values: Any) -> str:
    """``values`` as JSON; NumPy's numbers, as sizes and labels may be, as plain ones."""
    return json.dumps(values, default=lambda number: number.item())


def read_arrays(path: str | Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Read back what ``write_arrays`` wrote: the header, and the arrays by name, which are read-only.

    Whatever sizes the file names: the memory that it takes is bounded by the file's own size.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ArchiveError
        It is damaged, or no such archive.
    """
    try:
        return unpacked(Path(path))
    except FileNotFoundError:
        raise
    except Exception as error:  # damaged bytes lead zipfile, NumPy and Python's own parser to errors of any kind
        raise ArchiveError(str(error)[:200] or type(error).__name__) from error


def unpacked(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """As ``read_arrays``, with whatever error there is."""
    most = MOST_TIMES * path.stat().st_size
    if not path.is_file() or not is_zipfile(path):
        raise ValueError("it is not the archive that arrays are kept in")
    arrays = {}
    with ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type not in {ZIP_STORED, ZIP_DEFLATED} for member in members):
            raise ValueError("it is compressed in a way that is not used here")
        if sum(member.file_size for member in members) > most:
            raise ValueError(f"it says that it holds more than {MOST_TIMES} times its own size")
        for member in members:
            with archive.open(member) as file:
                # Without a number, all that comes out of it would be taken into memory, whatever it said.
                arrays[member.filename.removesuffix(".npy")] = array_of(file.read(member.file_size))
    header = json.loads(str(arrays.pop("header")))
    if not isinstance(header, dict):
        raise TypeError("its header is not the one of an archive")
    return header, arrays


def check_arrays(arrays: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, tuple[Any, Any]]) -> None:
    """ValueError unless ``arrays`` are those of ``expected``, of these shapes and dtypes by name, and finite."""
    if differing := sorted(arrays.keys() ^ expected.keys()):
        raise ValueError(f"{', '.join(differing[:5])} missing or too many")
    for name, (shape, dtype) in expected.items():
        found = arrays[name]
        if found.shape != shape or found.dtype != dtype:
            raise ValueError(f"{name} is {found.dtype} {found.shape}, and should be {dtype} {shape}")
        if not np.isfinite(found).all():
            raise ValueError(f"{name} holds values that are not finite")


def array_of(data: bytes) -> npt.NDArray[Any]:
    """The array in the bytes of a .npy file; ValueError unless it is of numbers or text, and as long as it says."""
    file = BytesIO(data)
    if read_magic(file) != (1, 0):
        raise ValueError("an array is of another version of NumPy's format")
    shape, is_fortran, dtype = read_array_header_1_0(file)
    n_bytes = len(data) - file.tell()
    if dtype.kind not in "fU" or min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"an array says that it is {dtype} {shape}, and has {n_bytes} bytes")
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if is_fortran else "C")
