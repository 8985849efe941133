"""Which kind of group trains here."""

from __future__ import annotations

import sys
from threading import current_thread, main_thread

from stages.mlp.parallel.group import Group
from stages.mlp.parallel.processes import Processes
from stages.mlp.parallel.threads import Threads

GROUPS: dict[str, type[Group]] = {"processes": Processes, "threads": Threads}


def make_group(count: int, kind: str | None = None) -> Group:
    """A group of ``count``, of a ``kind`` in ``GROUPS``; unless said, processes where they are forked safely.

    Threads pass the interpreter's lock to and fro at every NumPy call, which costs a third of the time of a small
    network.

    Raises
    ------
    ValueError
        There is no such kind.
    """
    kind = kind or ("processes" if processes_are_safe() else "threads")
    if kind not in GROUPS:
        raise ValueError(f"parallel must be one of {', '.join(GROUPS)}, not {kind!r}")
    return Threads(1) if count == 1 else GROUPS[kind](count)


def processes_are_safe() -> bool:
    """Whether a process may be forked here.

    On macOS a forked process must not use the system's matrix products. A process that is forked while another thread
    multiplies matrices waits for ever, for a lock of the matrix library that nobody in it holds. Where the caller is
    not the main thread, there is such another thread.
    """
    return sys.platform == "linux" and current_thread() is main_thread()
