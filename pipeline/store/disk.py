"""Reading and writing files for the store: forced to disk, never through a link, with errors that say what to do."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import DISK_FULL, FREE_SPACE, StoreError


@contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Turn an error of the system into a StoreError that says what could not be done, and where."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = f"make {path} writable, or work in another folder with -C"
        if error.errno in DISK_FULL:
            reason, hint = "the disk is full", FREE_SPACE
        if error.errno in {errno.ENOTDIR, errno.EEXIST}:
            hint = "move away the file that stands where a folder should be"
        raise StoreError(f"cannot {doing}: {reason}", where=str(error.filename or path), hint=hint) from error


def own_folder(path: Path) -> Path:
    """Return ``path`` if it is a folder itself: a link could lead out of artifacts/."""
    if not is_folder(path):
        raise StoreError("a link stands where a folder should be", where=str(path), hint="remove it")
    return path


def size_of(folder: Path) -> int:
    """Add up the sizes of the files below a folder, in bytes; what a link leads to is not counted."""
    if not is_folder(folder):
        return folder.lstat().st_size
    return sum(path.lstat().st_size for path in folder.rglob("*") if not is_folder(path))


def exists(path: Path) -> bool:
    """Whether anything is there, a link that leads nowhere included."""
    return os.path.lexists(path)


def is_folder(path: Path) -> bool:
    """Whether a path is a folder itself, and not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def regular_size(path: Path) -> int | None:
    """Return a file's size, or None if it is not there, or is a link or anything but a plain file."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def write(path: Path, data: bytes) -> None:
    """Write a new file and force it to disk; refuses to follow a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
