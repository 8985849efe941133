"""Logs of one line of JSON for each entry.

Each line is forced to disk. A line that was torn by a crash is skipped; the next entry begins a new line.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import msgspec

from pipeline.errors import StoreError, disk_full
from pipeline.figures import counted
from pipeline.files.paths import require_folder_or_nothing
from pipeline.files.safe_files import replacing
from pipeline.printable_text import readable_json

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entries(Generic[T]):
    """The entries of a log, oldest first, and a warning about the lines that were skipped, empty if none were."""

    all: tuple[T, ...]
    warning: str


@dataclass(frozen=True, slots=True)
class LineLog(Generic[T]):
    """A log: its file's name, what an entry is called, how a line is decoded, and whether what it holds is whole."""

    file_name: str
    entry: str
    decoder: msgspec.json.Decoder[T]
    is_whole: Callable[[T], bool] = lambda _: True

    def parse(self, line: bytes) -> T | None:
        """Return the entry in a line; None if the line is torn, or not what this software writes."""
        try:
            entry = self.decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return entry if self.is_whole(entry) else None

    def read(self, folder: Path) -> Entries[T]:
        """Read the log; lines that hold no entry are skipped and counted. Raises StoreError."""
        path = folder / self.file_name
        require_folder_or_nothing(folder)
        try:
            with open_log(path) as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            lines = []
        except OSError as error:
            raise self.cannot("read", path, error) from error
        found = [self.parse(line) for line in lines if line.strip()]
        entries = tuple(entry for entry in found if entry is not None)
        skipped = counted(len(found) - len(entries), "line")
        warning = f"skipped {skipped} of {self.file_name}: torn by a crash, damaged, or from another version"
        return Entries(entries, warning if len(entries) < len(found) else "")

    def require(self, folder: Path) -> None:
        """Check that the log can be read and written, before there is an entry to add; raises StoreError."""
        path = folder / self.file_name
        if not os.path.lexists(path):
            return
        if path.is_symlink() or not path.is_file():
            raise StoreError(
                f"the log of {self.entry}s is not a plain file", where=str(path), hint="move away what stands there"
            )
        for do, mode in (("read", os.R_OK), ("write", os.W_OK)):
            if not os.access(path, mode):
                raise self.cannot(do, path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def append(self, folder: Path, entry: Mapping[str, Any]) -> None:
        """Add an entry, with one call, under the kernel's lock on the file; raises StoreError."""
        path = folder / self.file_name
        data = readable_json(json.dumps(entry, ensure_ascii=False)).encode() + b"\n"
        try:
            while not _append(path, data):
                pass
        except OSError as error:
            raise self.cannot("write", path, error) from error

    def cannot(self, do: str, path: Path, error: OSError) -> StoreError:
        """Return the error to raise where the log cannot be read, or be written."""
        reason, hint = disk_full(error) or (error.strerror, f"make it {'readable' if do == 'read' else 'writable'}")
        return StoreError(f"cannot {do} the log of {self.entry}s: {reason}", where=str(path), hint=hint)


def open_log(path: Path) -> IO[bytes]:
    """Open a log to be read; raises OSError for a pipe or a device, which may never end."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a plain file", str(path))
    return file


def _append(path: Path, data: bytes) -> bool:
    """Append to a file and force it to disk; False if ``path`` was replaced meanwhile. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a plain file")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        found = os.fstat(descriptor)
        if not _is_at(path, found):
            return False
        if found.st_nlink > 1:  # a hard link, perhaps a backup's: the other name must not get the new line
            with replacing(path) as file:
                file.write(path.read_bytes())
            return False
        if found.st_size and os.pread(descriptor, 1, found.st_size - 1) != b"\n":  # the last writer was killed
            data = b"\n" + data
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        except OSError:  # the disk is full: half a line would stay
            os.ftruncate(descriptor, found.st_size)
            raise
        return True
    finally:
        os.close(descriptor)


def _is_at(path: Path, found: os.stat_result) -> bool:
    """Whether an open file still is the one at ``path``."""
    try:
        return os.path.samestat(found, path.lstat())
    except FileNotFoundError:
        return False
