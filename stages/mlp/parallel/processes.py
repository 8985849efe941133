"""A group of processes, forked from the caller's for one piece of work at a time.

A forked process finds everything as the caller had it, so nothing is sent to it; what it is to send back, it
writes into shared arrays (arrays.py). The processes wait for each other by looking at a counter in shared
memory: that takes a microsecond, where waking a sleeping thread takes a hundred.
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
from stages.mlp.parallel.group import BrokenGroupError, Group

LINE = 8  # counters lie a cache line apart, 8 numbers of 8 bytes
EAGER_LOOKS = 2000  # at the counters, before others are let run in between
CHECKED_EVERY = 256  # looks, then: is everybody still alive?
RESTLESS_LOOKS = 20_000  # after so many the wait is a long one, and sleeps
NAP = 0.0005  # seconds
PIPE_BYTES = 60_000  # fit into a pipe that nobody reads yet


@dataclass(frozen=True, slots=True)
class Child:
    """A forked process, and the pipe through which it says what went wrong."""

    pid: int
    pipe: int

    def wait(self) -> None:
        """Wait until it has ended."""
        with suppress(ChildProcessError):  # where SIGCHLD is ignored, it goes without leaving a trace
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def has_ended(self) -> bool:
        """Whether it is gone, for whatever reason."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        except ChildProcessError:
            return True

    def end(self) -> BaseException | None:
        """Kill it if it has not ended, and return its error."""
        is_killed = not self.has_ended()
        if is_killed:
            os.kill(self.pid, signal.SIGKILL)
        with os.fdopen(self.pipe, "rb") as file:
            said = file.read()
        status = 0
        with suppress(ChildProcessError):
            status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if said:
            error: BaseException = pickle.loads(said)  # noqa: S301 - from our own process, through a pipe of our own
            return error
        if status and not is_killed:
            why = f"by {signal.Signals(-status).name}" if status < 0 else f"with exit code {status}"
            return ChildProcessError(
                f"a process that shares the training was ended {why}; the machine may be short of memory"
            )
        return None


class Processes(Group):
    """Processes, for Linux."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        # Every worker's number of waits so far, and whether the group is broken. A memoryview is read in a third of
        # the time of an array.
        self._turns = shared_zeros(count * LINE, np.int64).data
        self._is_broken = shared_zeros(1, np.int64).data
        self._fence = Lock()
        self._parent = os.getpid()
        self._children: list[Child] = []

    def run_together(self, work: Callable[[int], None]) -> None:
        for at in range(len(self._turns)):
            self._turns[at] = 0
        children = self._children = []
        broken: BaseException | None = None
        try:
            for index in range(1, self.count):
                children.append(self._fork(work, index))  # noqa: PERF401 - known one by one, to be ended if this is interrupted
            work(0)
            for child in children:
                child.wait()
        except BrokenGroupError as error:
            broken = error  # what broke it is, as a rule, the error of one of the children
        finally:
            if any(not child.has_ended() for child in children) or len(children) < self.count - 1:
                self._is_broken[0] = 1  # ends even a child that an interruption left unknown
            errors = [child.end() for child in children]
        for each in (*errors, broken):
            if each is not None:
                raise each

    def wait(self, index: int) -> None:
        turns, turn = self._turns, self._turns[index * LINE] + 1
        self._order_memory()
        turns[index * LINE] = turn
        for other in range(0, self.count * LINE, LINE):
            looks = 0
            while turns[other] < turn:
                looks += 1
                if looks > EAGER_LOOKS:
                    self._rest(index, turn, looks)
        self._order_memory()

    def _rest(self, index: int, turn: int, looks: int) -> None:
        """Let others run; now and then see whether everybody who has not come yet can still come."""
        if looks % CHECKED_EVERY == 0:
            if index > 0 and os.getppid() != self._parent:
                os._exit(1)
            # In this order: a child that came and then ended, its work done, is not missed.
            is_missed = index == 0 and any(
                child.has_ended() and self._turns[number * LINE] < turn
                for number, child in enumerate(self._children, start=1)
            )
            if self._is_broken[0] or is_missed:
                raise BrokenGroupError("a process that shares the training ended before its time")
        if looks < RESTLESS_LOOKS:
            os.sched_yield()
        else:
            time.sleep(NAP)

    def _order_memory(self) -> None:
        """See to it that what was written before is visible before what is written next.

        Not every processor keeps that order by itself. Taking and releasing a lock twice does: nothing sinks
        below the first release, and nothing rises above the second taking.
        """
        for _ in range(2):
            with self._fence:
                pass

    def _fork(self, work: Callable[[int], None], index: int) -> Child:
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            # Python warns of forking beside threads: their locks stay as they were. A child takes none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            self._serve(work, index, writer)
        os.close(writer)
        return Child(pid, reader)

    def _serve(self, work: Callable[[int], None], index: int, writer: int) -> NoReturn:
        """In the child: do the work, say what went wrong, and go without a trace."""
        status = 1
        try:
            for number in (signal.SIGINT, signal.SIGHUP):  # the terminal's, for the parent, who ends its children
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            work(index)
            status = 0
        except BrokenGroupError:
            status = 0  # the error is another's, who tells it
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent raises it
            os.write(writer, pickled(error))
            self._is_broken[0] = 1
        finally:
            os._exit(status)


def pickled(error: BaseException) -> bytes:
    """``error`` for the parent; in words only, if it cannot be sent as it is."""
    try:
        said = pickle.dumps(error)
        pickle.loads(said)  # noqa: S301 - one's own bytes: not every exception comes back
    except Exception:  # noqa: BLE001 - whatever an exception's class may raise
        said = b""
    if not 0 < len(said) <= PIPE_BYTES:
        said = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"[:1000]))
    return said
