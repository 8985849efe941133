"""A look into a competition's zip, without unpacking it: which member is which file, and whether to trust it.

Members are read as streams and nothing is ever extracted, so a zip cannot write anywhere. Members that
are no good (two train.csv, a path that leads out, a password, a bomb) are refused by name. Only the standard library
is used, because this runs on every plan.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipeline.errors import DataError, shortage
from pipeline.files.paths import broken_link
from stages.shared.messages import shortened

if TYPE_CHECKING:
    import zipfile

# deflate reaches at most 1,032 : 1, and images as text 5 to 30 : 1. Small files may have any ratio.
LARGEST_RATIO = 200
ALWAYS_ALLOWED_BYTES = 64 * 2**20

WEB_PAGE = "a failed download or a missing login leaves such a page"

ENCRYPTED = 0x1  # bit 0 of a member's flags


def reason_of(error: Exception) -> str:
    """What is wrong with a packed file that a library could not read, as the words after its name."""
    if isinstance(error, EOFError):
        return "is cut off: its end is missing"
    if isinstance(error, NotImplementedError):
        return "is packed by a method that Python cannot unpack"
    system = getattr(error, "strerror", None)
    return f"cannot be read: {system}" if system else f"is damaged: {shortened(str(error), 200)}"


def largest_expansion(compressed_bytes: int) -> int:
    """How many bytes a compressed file of this size may become before it is taken for a bomb."""
    return max(ALWAYS_ALLOWED_BYTES, LARGEST_RATIO * compressed_bytes)


def require_readable(path: Path) -> None:
    """Raise DataError unless ``path`` is a regular file that may be read; opening a pipe would wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        what, hint = broken_link(path) or (f"cannot be read: {error.strerror}", "check the path")
        raise DataError(f"{path.name} {what}", where=str(path), hint=hint) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise DataError(f"{path.name} is {kind}, not a file", where=str(path), hint="put the file itself there")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path.name} may not be read by you", where=str(path), hint=f"chmod u+r {path}")


def find_members(path: Path, names: tuple[str, ...]) -> dict[str, str]:
    """The member of the zip at ``path`` for each of the files ``names``; missing ones are left out.

    Members may lie in a subfolder. What macOS adds (``__MACOSX/``) is ignored.

    Raises
    ------
    DataError
        It is no zip, is damaged, holds one of the files twice, or what it holds cannot be trusted.
    """
    found: dict[str, str] = {}
    for info in directory_of(path):
        inside = PurePosixPath(info.filename.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts or inside.parts[:1] == ("/",):
            raise unusable_zip(path, f"its member {shortened(info.filename)!r} has a path that leads out of the folder")
        if info.is_dir() or inside.name not in names:
            continue
        if inside.name in found:
            raise unusable_zip(
                path,
                f"it holds {inside.name} twice: {shortened(found[inside.name])!r} and {shortened(info.filename)!r}",
            )
        if info.flag_bits & ENCRYPTED:
            raise unusable_zip(path, f"its member {shortened(info.filename)!r} is locked with a password")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise unusable_zip(path, f"its member {shortened(info.filename)!r} is a link, not a file")
        n_packed = min(info.compress_size, path.stat().st_size)  # the directory may be wrong
        if info.file_size > largest_expansion(n_packed):
            raise unusable_zip(
                path,
                f"its member {shortened(info.filename)!r} would grow from {n_packed:,} "
                f"to {info.file_size:,} bytes, more than {LARGEST_RATIO} times: no table of images does",
            )
        found[inside.name] = info.filename
    return found


def list_members(path: Path) -> list[str]:
    """The names of the files in the zip at ``path``, in its own order."""
    return [info.filename for info in directory_of(path) if not info.is_dir()]


def sizes_of_members(path: Path) -> dict[str, int]:
    """The unpacked size in bytes of each file in the zip at ``path``, by its name without folders."""
    return {PurePosixPath(info.filename).name: info.file_size for info in directory_of(path)}


def directory_of(path: Path) -> list[zipfile.ZipInfo]:
    """What the zip at ``path`` says that it holds, without what macOS adds.

    Raises
    ------
    DataError
        It is no zip, or is damaged.
    """
    import zipfile  # it costs 10 ms, and most plans see no zip

    try:
        with zipfile.ZipFile(path) as archive:
            return [info for info in archive.infolist() if not info.filename.startswith("__MACOSX/")]
    except Exception as error:  # zipfile raises errors of every kind for damage
        if shortage(error):  # then nothing is wrong with the file
            raise
        what, hint = why_unreadable(path, error)
        raise DataError(f"the zip {path.name} {what}", where=str(path), hint=hint) from error


def why_unreadable(path: Path, error: Exception) -> tuple[str, str]:
    """What is wrong with a file that is no readable zip, and what to do."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return reason_of(error), "check the path"
    if not start:
        return "is empty", "download it again"
    if start.startswith(b"PK"):
        return "begins as a zip does, but is cut off or damaged", "download it again, in full"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "is a web page, not a zip", f"download it again: {WEB_PAGE}"
    return "is not a zip", "download it again, or remove it"


def unusable_zip(path: Path, what: str) -> DataError:
    """The error for a zip that must not be used."""
    return DataError(
        f"the zip {path.name} cannot be used: {what}",
        where=str(path),
        hint="download it again, or put train.csv and test.csv themselves into data/",
    )
