"""Another program as a child of this process, which ends when this one does, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

PR_SET_PDEATHSIG = 1  # what the kernel sends when the parent is gone; see prctl(2)


def run_child(command: Sequence[str], *, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with nothing on standard input, and return what it printed and how it ended.

    Raises OSError if it cannot be run, and subprocess.TimeoutExpired, once it is stopped, if it takes longer than so
    many ``seconds``.
    """
    return subprocess.run(  # noqa: S603 - no shell; the callers' programs are known
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds,
        preexec_fn=_ending_with(os.getpid()) if sys.platform == "linux" else None,
    )


def _ending_with(parent: int) -> Callable[[], None]:
    """Return what a child of ``parent`` does before it becomes another program: ask to be killed when that ends.

    It runs between fork and exec, where no lock may be waited for: what it calls is looked up here, before.
    """
    ask = ctypes.CDLL(None).prctl

    def end_with_parent() -> None:
        ask(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has ended already
            os._exit(1)

    return end_with_parent
