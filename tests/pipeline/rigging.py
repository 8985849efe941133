"""Rig a process so that it tells of, or is killed at, every operation that changes a file."""

from __future__ import annotations

import builtins
import io
import os
import signal
from collections.abc import Callable
from typing import Any

from toy_project import in_child

CHANGING = ("mkdir", "rename", "replace", "link", "symlink", "unlink", "remove", "rmdir", "truncate", "ftruncate")
CHANGING += ("chmod", "fsync", "fdatasync", "write", "pwrite", "writev", "sendfile", "utime")


def writes(flags: int | str) -> bool:
    """Whether a file is opened to be changed."""
    if isinstance(flags, str):
        return any(letter in flags for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


def rig(before: Callable[[str, tuple[Any, ...]], None]) -> None:
    """Call ``before(operation, arguments)`` ahead of everything that changes a file, in this process for good."""

    def wrapped(name: str, call: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            if when(*args, **options):
                before(name, args)
            return call(*args, **options)

        return wrapper

    for name in CHANGING:
        if hasattr(os, name):
            setattr(os, name, wrapped(name, getattr(os, name), lambda *_, **__: True))
    os.open = wrapped("open", os.open, lambda _, flags, *__, **___: writes(flags))
    opener = wrapped("open", io.open, lambda _, mode="r", *__, **___: writes(mode))
    io.open = builtins.open = opener


def explode_at(point: int) -> Callable[[str, tuple[Any, ...]], None]:
    """Kill this process at the ``point``-th operation, from 0; of a write the first half is done."""
    count = 0

    def before(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if count == point:
            if name == "write":
                descriptor, data = arguments
                os.pwrite_unrigged(descriptor, data[: len(data) // 2], os.fstat(descriptor).st_size)  # type: ignore[attr-defined]  # the name is made here
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    return before


def killed_at(point: int, work: Callable[[], object]) -> bool:
    """Do ``work`` in a child that is killed at a point; False if it ended before."""
    os.pwrite_unrigged = os.pwrite  # type: ignore[attr-defined]  # the name is made here

    def child() -> None:
        rig(explode_at(point))
        work()

    status = in_child(child)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
