"""The archive of models and checkpoints: NumPy's .npz format, with a JSON header beside the arrays."""

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

from stages.mlp.delay_signals import delay_signals

UNIX = 3  # the number of the operating system, as zip files store it
FILE_MODE = 0o600 << 16  # the permissions of a member, as zip files store them
MAX_SIZE_RATIO = 10  # size of the arrays / size of the file. Compression hardly shrinks numbers; a zip bomb exceeds it


class ArchiveError(ValueError):
    """The file is not such an archive, or is damaged."""


def write_arrays(file: IO[bytes], header: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a header and named arrays. A signal does not interrupt the writing.

    Equal arrays give equal bytes: the file does not depend on the time, the system or the release of Python.
    """
    members = {"header": np.array(to_json(header)), **arrays}
    # Without the delay, `ZipFile` would replace the signal's exception by its own, about an incomplete archive.
    with delay_signals(), ZipFile(file, "w", ZIP_STORED) as archive:
        for name, values in members.items():
            member = ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = UNIX, FILE_MODE
            with archive.open(member, "w", force_zip64=True) as stream:  # its size is not known yet
                np.lib.format.write_array(stream, np.asanyarray(values), allow_pickle=False)


def to_json(values: Any) -> str:
    """``values`` as JSON. NumPy's numbers become Python's."""
    return json.dumps(values, default=lambda number: number.item())


def read_arrays(path: str | Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Read back the header and the arrays by name. The arrays are read-only.

    The memory that is used depends on the size of the file, not on the sizes that the file claims.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ArchiveError
        The file is damaged, or is not such an archive.
    """
    try:
        return unpack(Path(path))
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, NumPy and Python's parser raise errors of any kind for damaged bytes
        raise ArchiveError(str(error)[:200] or type(error).__name__) from error


def unpack(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """As ``read_arrays``, but with errors of any kind."""
    max_bytes = MAX_SIZE_RATIO * path.stat().st_size
    if not path.is_file() or not is_zipfile(path):
        raise ValueError("it is not the archive that arrays are kept in")
    arrays = {}
    with ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type not in {ZIP_STORED, ZIP_DEFLATED} for member in members):
            raise ValueError("it is compressed in a way that is not used here")
        if sum(member.file_size for member in members) > max_bytes:
            raise ValueError(f"it says that it holds more than {MAX_SIZE_RATIO} times its own size")
        for member in members:
            with archive.open(member) as file:
                # The limit matters: without it, a member could unpack to more bytes than it claims.
                arrays[member.filename.removesuffix(".npy")] = parse_npy(file.read(member.file_size))
    header = json.loads(str(arrays.pop("header")))
    if not isinstance(header, dict):
        raise TypeError("its header is not the one of an archive")
    return header, arrays


def check_arrays(arrays: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise ValueError unless ``arrays`` have the names, shapes and dtypes of ``expected``, and are finite."""
    if differing := sorted(arrays.keys() ^ expected.keys()):
        raise ValueError(f"{', '.join(differing[:5])} missing or too many")
    for name, (shape, dtype) in expected.items():
        found = arrays[name]
        if found.shape != shape or found.dtype != dtype:
            raise ValueError(f"{name} is {found.dtype} {found.shape}, and should be {dtype} {shape}")
        if not np.isfinite(found).all():
            raise ValueError(f"{name} holds values that are not finite")


def parse_npy(data: bytes) -> npt.NDArray[Any]:
    """The array in the bytes of a .npy file. It must hold floats or text, and have the length that its header claims.

    Raises ValueError otherwise.
    """
    file = BytesIO(data)
    if read_magic(file) != (1, 0):
        raise ValueError("an array is of another version of NumPy's format")
    shape, is_fortran, dtype = read_array_header_1_0(file)
    n_bytes = len(data) - file.tell()
    if dtype.kind not in "fU" or min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"an array says that it is {dtype} {shape}, and has {n_bytes} bytes")
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if is_fortran else "C")
