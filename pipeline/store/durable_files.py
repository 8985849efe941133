"""Reading and writing files for the store: forced to disk, never through a link, with errors that say what to do."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pipeline.errors import ANOTHER_FILE_SYSTEM, StoreError, disk_full
from pipeline.files.paths import leads_to_folder

BEYOND_PERMISSIONS = {errno.EIO, errno.ESTALE}  # the disk fails, or the file system is gone


@contextmanager
def store_errors(doing: str, path: Path, needed: str = "writable") -> Iterator[None]:
    """Turn an OSError into a StoreError that says what could not be done, where, and what is ``needed``."""
    try:
        yield
    except OSError as error:
        reason, hint = disk_full(error) or (error.strerror or str(error), _hint(error, path, needed))
        raise StoreError(f"cannot {doing}: {reason}", where=str(error.filename or path), hint=hint) from error


def reading(path: Path) -> AbstractContextManager[None]:
    """Turn an OSError while artifacts are read into a StoreError that says where, and what to do."""
    return store_errors("read the artifacts", path, "readable")


def _hint(error: OSError, path: Path, needed: str) -> str:
    """Say what to do about an error of the file system."""
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return "move away the file that stands where a folder should be"
    if error.errno == errno.ENOENT:
        return "it was moved or removed meanwhile: run it again"
    if error.errno in BEYOND_PERMISSIONS:
        return ANOTHER_FILE_SYSTEM
    # filename2 is the place that a file is moved to
    named = [Path(name) for name in (error.filename2, error.filename) if name] or [path]
    if needed == "readable":  # the file may not be read, or its folder hides it
        closed = (named[-1] if exists(named[-1]) else path).absolute()
    else:
        folders = [unwritable_folder(each) for each in named]
        closed = next((folder for folder in folders if not os.access(folder, os.W_OK)), folders[-1])
    return f"make {closed} {needed}, or work in another folder with -C"


def unwritable_folder(path: Path) -> Path:
    """Return the absolute path of the nearest folder from ``path`` up, or its parent's if only that is not writable."""
    above = (path.absolute(), *path.absolute().parents)
    there = [each for each in above if leads_to_folder(each)]
    return next((each for each in there[:2] if not os.access(each, os.W_OK)), there[0])


def require_folder(path: Path) -> Path:
    """Return ``path`` if it is a folder; raises StoreError for a link, which could lead out of artifacts/."""
    if not is_folder(path):
        raise StoreError("a link stands where a folder should be", where=str(path), hint="remove it")
    return path


def size_of(path: Path) -> int:
    """Add up the sizes of a file, or of the files below a folder, in bytes. No link is followed; what is gone is 0."""
    return sum(found.st_size for found in _found_below(path))


def space_of(path: Path) -> int:
    """Add up the space on disk, in bytes: a file whose size is set before it is written takes little at first."""
    return sum(512 * found.st_blocks for found in _found_below(path))


def _found_below(path: Path) -> Iterator[os.stat_result]:
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names) if is_folder(path) else [path]
    return (found for file in files if (found := status(file)))


def exists(path: Path) -> bool:
    """Whether anything is there, a link that leads nowhere included."""
    return os.path.lexists(path)


def status(path: Path) -> os.stat_result | None:
    """Return the ``lstat`` of a path, None if nothing is there; raises StoreError without permission."""
    with reading(path.parent):
        try:
            return path.lstat()
        except PermissionError:
            raise
        except OSError:
            return None


def is_folder(path: Path) -> bool:
    """Whether a path is a folder itself, and not a link to one."""
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def regular_size(path: Path) -> int | None:
    """Return a file's size, or None if it is not there, or is a link or anything but a plain file."""
    found = status(path)
    return found.st_size if found and stat.S_ISREG(found.st_mode) else None


def write(path: Path, data: bytes) -> None:
    """Write a new file and force it to disk; refuses to follow a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
