"""Temporary files and folders that the next call removes if their process was killed.

The process that makes one holds the kernel's lock on it, and the lock ends with the process. So one without a lock is a
leftover. On a file system without locks nothing is removed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from pipeline.errors import StoreError

VERIFY = "pipeline-verify-"  # how their names begin: a folder in which stages are repeated,
FETCH = ".fetch-"  # one into which a zip is downloaded,
UPLOAD = "pipeline-upload-"  # one with a copy of what is sent,
JOBS = "jobs-"  # one for the progress of running jobs,
DRAFT = ".pipeline-"  # and a file that will replace another
IN_SYSTEM_FOLDER = (VERIFY, UPLOAD)


@contextmanager
def system_folder(beginning: str) -> Iterator[Path]:
    """Give a new folder in the system's folder for temporary files; raises StoreError if none can be made."""
    import tempfile

    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder(Path(tempfile.gettempdir()), beginning))
        except OSError as error:
            raise StoreError(
                f"no temporary folder can be made: {error.strerror}",
                where=str(error.filename or ""),
                hint="make room, or name another place by the variable TMPDIR",
            ) from error
        yield folder


def remove_system_leftovers() -> None:
    """Remove what dead processes of this user have left in the system's folder for temporary files."""
    import tempfile

    with suppress(OSError):  # there is no such place
        for beginning in IN_SYSTEM_FOLDER:
            remove_leftovers(Path(tempfile.gettempdir()), beginning)


@contextmanager
def temporary_folder(parent: Path, beginning: str) -> Iterator[Path]:
    """Give a new folder in ``parent``; it is removed at the end, or by the next call if this process is killed."""
    remove_leftovers(parent, beginning)
    while True:
        folder = parent / f"{beginning}{uuid4().hex}"
        folder.mkdir(mode=0o700)
        with suppress(FileNotFoundError):  # another call has removed it
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if _lock_new(descriptor, folder):
                break
            os.close(descriptor)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def open_draft(parent: Path) -> tuple[int, Path]:
    """Make a new file in ``parent``, and return its descriptor and its path; closing it releases its lock."""
    remove_leftovers(parent, DRAFT)
    while True:
        path = parent / f"{DRAFT}{uuid4().hex}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        if _lock_new(descriptor, path):
            return descriptor, path
        os.close(descriptor)


def remove_leftovers(parent: Path, beginning: str) -> None:
    """Remove what dead processes of this user have left in ``parent``; what cannot be removed stays."""
    name = re.compile(re.escape(beginning) + "[0-9a-f]{32}")
    with suppress(OSError):
        for entry in [entry for entry in os.scandir(parent) if name.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_if_left(Path(entry.path))


def _remove_if_left(path: Path) -> None:
    """Remove a file or folder that a dead process left behind.

    Files of other users stay. Raises OSError if a process holds the lock, or if it is a link or cannot be removed.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(descriptor)


def _lock_new(descriptor: int, path: Path) -> bool:
    """Lock a new file or folder; False if another call took it for a leftover and has removed it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # there are no locks here, so nobody removes it
        return True
    return path.exists()
