"""Run a program as a child process, which is killed when this process ends, in whatever way."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

PR_SET_PDEATHSIG = 1  # sets the signal that the kernel sends when the parent has ended; see prctl(2)


def run_child(command: Sequence[str], *, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with nothing on standard input, and return what it printed and how it ended.

    Raises OSError if it cannot be run. It is stopped after ``seconds``, and subprocess.TimeoutExpired is raised.
    """
    return subprocess.run(  # noqa: S603 - no shell; the callers' programs are known
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds,
        preexec_fn=_kill_with_parent(os.getpid()) if sys.platform == "linux" else None,
    )


def _kill_with_parent(parent: int) -> Callable[[], None]:
    """Return a function that the child calls: it asks the kernel to kill the child when ``parent`` ends.

    It runs between fork and exec, where no lock may be taken. So the C function is looked up here, before the fork.
    """
    ask = ctypes.CDLL(None).prctl

    def end_with_parent() -> None:
        ask(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has ended already
            os._exit(1)

    return end_with_parent
