"""A group of processes, which are forked from the caller's process for each ``run``.

A forked process starts with a copy of the caller's memory, so nothing is sent to it. It returns its results in shared
arrays (arrays.py). The processes wait for each other by polling counters in shared memory (spinning). That takes a
microsecond. Waking a sleeping thread takes a hundred.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import NoReturn

import numpy as np

from stages.mlp.arrays import shared_zeros
from stages.mlp.delay_signals import delay_signals
from stages.mlp.parallel.group import BrokenGroupError, Group

SPINS_BEFORE_YIELD = 2000  # polls before the processor is yielded to other processes in between
SPINS_PER_CHECK = 256  # polls from one check that the other processes are alive to the next
SPINS_BEFORE_SLEEP = 20_000  # polls before the process sleeps in between
SLEEP_SECONDS = 0.0005
MEMORY = "the machine may be short of memory"
PIPE_BYTES = 60_000  # a pipe holds so many bytes that are not read yet


@dataclass(frozen=True, slots=True)
class Child:
    """A forked process, and the pipe through which it sends its error."""

    pid: int
    pipe: int

    def wait(self) -> None:
        """Wait until the process has ended."""
        with suppress(ChildProcessError):  # there is no exit status where SIGCHLD is ignored
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def has_ended(self) -> bool:
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        except ChildProcessError:
            return True

    def end(self) -> BaseException | None:
        """Kill the process if it has not ended, and return its error."""
        is_killed = not self.has_ended()
        if is_killed:
            os.kill(self.pid, signal.SIGKILL)
        with os.fdopen(self.pipe, "rb") as file:
            message = file.read()
        status = 0
        with suppress(ChildProcessError):
            status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if message:
            error: BaseException = pickle.loads(message)  # noqa: S301 - from our own process, through our own pipe
            return error
        if status and not is_killed:
            how = f"by {signal.Signals(-status).name}" if status < 0 else f"with exit code {status}"
            return ChildProcessError(f"a process that shares the training was ended {how}; {MEMORY}")
        return None


class Processes(Group):
    """A group of processes, for Linux."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        # How often each worker has called `wait`, and whether the group is broken. Each counter has a cache line of its
        # own. Reading a memoryview takes a third of the time of reading an array.
        self._n_waits = [counter.data for counter in shared_zeros((count, 1), np.int64)]
        self._is_broken = shared_zeros(1, np.int64).data
        self._lock = Lock()
        self._parent = os.getpid()
        self._children: list[Child] = []

    def run_together(self, work: Callable[[int], None]) -> None:
        children = self._children = []
        broken: ChildProcessError | None = None
        try:
            for index in range(1, self.count):
                self._fork(work, index)
            work(0)
            for child in children:
                child.wait()
        except BrokenGroupError:  # usually caused by an error of a child, which is raised first
            broken = ChildProcessError(f"a process that shares the training ended before its time; {MEMORY}")
        finally:
            if any(not child.has_ended() for child in children):
                self._is_broken[0] = 1  # ends them even if another signal interrupts the next line
            errors = [child.end() for child in children]
        for failure in (*errors, broken):
            if failure is not None:
                raise failure

    def wait(self, index: int) -> None:
        own = self._n_waits[index]
        n = own[0] + 1
        self._memory_fence()
        own[0] = n
        for counter in self._n_waits:
            spins = 0
            while counter[0] < n:
                spins += 1
                if spins > SPINS_BEFORE_YIELD:
                    self._yield_or_sleep(index, n, spins)
        self._memory_fence()

    def _yield_or_sleep(self, index: int, n: int, spins: int) -> None:
        """Yield the processor. From time to time, check that the processes that have not arrived are alive."""
        if spins % SPINS_PER_CHECK == 0:
            if index > 0 and os.getppid() != self._parent:
                os._exit(1)
            # Check in this order: a child may arrive, finish its work and end between the two checks.
            has_child_died = index == 0 and any(
                child.has_ended() and counter[0] < n
                for child, counter in zip(self._children, self._n_waits[1:], strict=False)
            )
            if self._is_broken[0] or has_child_died:
                raise BrokenGroupError
        if spins < SPINS_BEFORE_SLEEP:
            os.sched_yield()
        else:
            time.sleep(SLEEP_SECONDS)

    def _memory_fence(self) -> None:
        """Make all earlier writes visible to the other processes before any later write.

        Not every processor keeps the order of writes. Taking and releasing a lock twice does: no earlier write moves
        below the first release, and no later one moves above the second taking.
        """
        for _ in range(2):
            with self._lock:
                pass

    def _fork(self, work: Callable[[int], None], index: int) -> None:
        reader, writer = os.pipe()
        # No signal interrupts the parent before it knows its child, or the child before it has handlers of its own.
        with delay_signals():
            with warnings.catch_warnings():
                # Python warns that locks of other threads stay locked in the child. The child takes none of these.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                self._run_child(work, index, writer)
            os.close(writer)
            self._children.append(Child(pid, reader))

    def _run_child(self, work: Callable[[int], None], index: int, writer: int) -> NoReturn:
        """In the child: do the work, send an error to the parent if there is one, and exit."""
        status = 1
        try:
            for number in (signal.SIGINT, signal.SIGHUP):  # the parent handles these, and ends its children
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            work(index)
            status = 0
        except BrokenGroupError:
            status = 0  # another process failed, and sends its own error
        except BaseException as error:  # noqa: BLE001 - the parent raises it, of whatever kind it is
            os.write(writer, pickle_error(error))
            self._is_broken[0] = 1
        finally:
            os._exit(status)


def pickle_error(error: BaseException) -> bytes:
    """``error`` in bytes for the parent. If it cannot be pickled, its text as a RuntimeError."""
    try:
        message = pickle.dumps(error)
        pickle.loads(message)  # noqa: S301 - our own bytes; some exceptions cannot be read back
    except Exception:  # noqa: BLE001 - an exception's class may raise anything
        message = b""
    if not 0 < len(message) <= PIPE_BYTES:
        message = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"[:1000]))
    return message
