"""The choice between threads and processes."""

from __future__ import annotations

import sys
from threading import current_thread, main_thread

from stages.mlp.parallel.group import Group
from stages.mlp.parallel.processes import Processes
from stages.mlp.parallel.threads import Threads

GROUPS: dict[str, type[Group]] = {"processes": Processes, "threads": Threads}


def make_group(count: int, kind: str | None = None) -> Group:
    """A group of ``count`` workers. ``kind`` is a name in ``GROUPS``; the default is processes if forking is safe.

    Threads are slower: they wait for the interpreter's lock at every NumPy call. For a small network this takes a third
    of the time. Raises ValueError for an unknown kind.
    """
    kind = kind or ("processes" if processes_are_safe() else "threads")
    if kind not in GROUPS:
        raise ValueError(f"parallel must be one of {', '.join(GROUPS)}, not {kind!r}")
    return Threads(1) if count == 1 else GROUPS[kind](count)


def processes_are_safe() -> bool:
    """Whether forking is safe: on Linux, in the main thread.

    On macOS, a forked process must not use the system's BLAS. If another thread multiplies matrices during the fork, a
    lock of BLAS stays locked in the forked process, which then waits for ever. There may be such a thread if the caller
    is not the main thread.
    """
    return sys.platform == "linux" and current_thread() is main_thread()
