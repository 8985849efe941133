"""One writer at a time: the kernel holds the lock, and releases it when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import LockError


@contextmanager
def writer_lock(path: Path, *, wait: bool, notify: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of an artifacts folder while the block runs.

    A second writer waits, and ``notify`` shows for whom. With ``wait=False`` it raises LockError.
    The file stays behind and means nothing: only the kernel's lock on it does.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:  # a link or a folder stands there, or the folder may not be written to
        raise LockError(
            f"cannot open the lock: {error.strerror}",
            where=str(path),
            hint="see that it is a plain file, in a folder that may be written to",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(path)
            if not wait:
                raise LockError(
                    "another pipeline is writing here", where=holder, hint="wait for it, or run without --no-wait"
                ) from None
            notify(f"waiting for another pipeline: {holder}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        about = json.dumps({"pid": os.getpid(), "command": " ".join(sys.argv), "since": since})
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, about.encode("utf-8", "backslashreplace"), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def current_writer(path: Path) -> str | None:
    """Return who holds the lock, as the file says, or None. The lock itself is not touched."""
    try:
        pid, holder = _read_holder(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        os.kill(pid, 0)  # asks whether it runs: the text of a killed one stays in the file
    except PermissionError:
        pass  # it runs, under another user
    except (OSError, TypeError, OverflowError):
        return None
    return holder


def _holder(path: Path) -> str:
    """Say who holds the lock, as far as the file says."""
    try:
        return _read_holder(path)[1]
    except (ValueError, KeyError, TypeError):
        return "a process that has only just begun"


def _read_holder(path: Path) -> tuple[int, str]:
    """Return the holder's pid and a text about it; raises ValueError, KeyError or TypeError for any other content."""
    about = json.loads(path.read_bytes())
    return about["pid"], f"pid {about['pid']}, {about['command']}, since {about['since']}"
