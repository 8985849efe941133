"""One writer at a time: the kernel holds the lock, and releases it when the process ends, even by a kill."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import ANOTHER_FILE_SYSTEM, LockError
from pipeline.printable_text import readable_json

UNREADABLE = (OSError, ValueError, KeyError, TypeError, RecursionError)  # what reading the lock's file may raise
MOST_BYTES = 1 << 20  # of the lock's file: more than the longest command line


@contextmanager
def writer_lock(path: Path, *, wait: bool, notify: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of an artifacts folder while the block runs.

    A second writer waits, and ``notify`` shows for whom. With ``wait=False`` it raises LockError.
    The file stays and means nothing by itself: only the kernel's lock on it counts.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:  # a link or a folder stands there, or it may not be written to
        hint = "see that it is a plain file, in a folder that may be written to"
        if isinstance(error, PermissionError):
            hint = "make it readable and writable, or work in another folder with -C"
        raise LockError(f"cannot open the lock: {error.strerror}", where=str(path), hint=hint) from error
    try:
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise LockError("the lock is not a plain file", where=str(path), hint="remove it")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(path)
            if not wait:
                raise LockError(
                    "another pipeline is writing here", where=holder, hint="wait for it, or run without --no-wait"
                ) from None
            notify(f"waiting until another pipeline is done: {holder}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:  # some shared folders have no locks
            raise LockError(
                f"this file system has no locks: {error.strerror}", where=str(path.parent), hint=ANOTHER_FILE_SYSTEM
            ) from error
        since = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"pid": os.getpid(), "command": " ".join(sys.argv), "since": since}
        _write(descriptor, readable_json(json.dumps(about, ensure_ascii=False)))
        yield
        _write(descriptor, "")
    finally:
        os.close(descriptor)


def _write(descriptor: int, text: str) -> None:
    """Write into the lock's file who holds it. If that fails, as on a full disk, the lock still holds.

    A file with a second hard link, such as a backup's, is not written to.
    """
    with suppress(OSError):
        if os.fstat(descriptor).st_nlink == 1:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text.encode(), 0)


def current_writer(path: Path) -> str | None:
    """Return the holder of the lock, as its file says, or None. The lock itself is not touched."""
    try:
        pid, holder = _read_holder(path)
    except UNREADABLE:
        return None
    try:
        os.kill(pid, 0)  # asks whether it runs: a killed process leaves its text in the file
    except PermissionError:
        pass  # it runs, under another user
    except (OSError, TypeError, OverflowError):
        return None
    return holder


def _holder(path: Path) -> str:
    """Return a text about the holder of the lock, as its file says."""
    try:
        return _read_holder(path)[1]
    except UNREADABLE:
        return "a process that has only just begun"


def _read_holder(path: Path) -> tuple[int, str]:
    """Return the holder's pid and a text about it; raises one of UNREADABLE if the file has none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        about = json.loads(os.read(descriptor, MOST_BYTES))
    finally:
        os.close(descriptor)
    return about["pid"], f"pid {about['pid']}, {about['command']}, since {about['since']}"
