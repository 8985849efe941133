"""Workers that share one training step: who does which part, and how they wait for each other.

How many there are is a setting, the number of shards; it never depends on the cores that are found, for a
different division would round differently. For the same reason BLAS is held to one thread in each of them.
Whether they are processes or threads changes nothing about the weights.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Lock, current_thread, main_thread
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from stages.mlp.parallel.team import BrokenTeamError, Team, numpy_settings

Floats = npt.NDArray[np.floating[Any]]
Kind = Literal["processes", "threads"]

# NumPy adds a bias to every row through a buffer of so many values, which it allocates in every call. Half of
# its own size is as fast.


class Threads(Team):
    """Threads. NumPy releases the interpreter's lock inside its loops and products, so they do run side by side."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._pool = ThreadPoolExecutor(count - 1, thread_name_prefix="shard") if count > 1 else None
        self._is_broken = False
        # A lock held by nobody is a door that opens once: three times as fast as threading.Barrier.
        self._arrived = [Lock() for _ in range(1, count)]
        self._leave = [Lock() for _ in range(1, count)]
        for lock in self._arrived + self._leave:
            lock.acquire()

    def run(self, work: Callable[[int], None]) -> None:
        def guarded(index: int) -> None:
            try:
                with numpy_settings():
                    work(index)
            except BaseException:
                self._abort()
                raise

        futures = [] if self._pool is None else [self._pool.submit(guarded, index) for index in range(1, self.count)]
        try:
            guarded(0)
        except BrokenTeamError:
            pass  # what broke it is the error of one of the futures
        finally:
            wait(futures)
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, BrokenTeamError)):
            raise error

    def wait(self, index: int) -> None:
        if index > 0:
            open_gate(self._arrived[index - 1])
            self._leave[index - 1].acquire()
        else:
            for lock in self._arrived:
                lock.acquire()
            for lock in self._leave:
                open_gate(lock)
        if self._is_broken:
            self._abort()  # once more, for this wait may have taken what was meant to wake another
            raise BrokenTeamError

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _abort(self) -> None:
        """Wake everybody, now and later, with BrokenTeamError."""
        self._is_broken = True
        for lock in self._arrived + self._leave:
            open_gate(lock)


class Shard:
    """One worker's part of a batch of ``m`` rows, and of everything else that is divided.

    Attributes
    ----------
    index, count : this is shard number ``index`` of ``count``
    rows : the rows of the batch that are this shard's, where the work is divided by rows
    rng : the shard's own random numbers, for dropout and augmentation; fresh every epoch
    """

    def __init__(self, index: int, m: int, workers: Team) -> None:
        self.index, self.count = index, workers.count
        self.rows = self.part(m)
        self.rng = np.random.default_rng(0)
        self._workers = workers

    def part(self, n: int) -> slice:
        """Which of ``n`` things are this shard's."""
        return part_of(n, self.index, self.count)

    def own(self, X: Floats, n_channels: int | None = None) -> Floats:
        """The shard's channels of ``X``, (m, n), whose columns lie one after the other: (channels, places, m), a view.

        Every column is a channel, unless there are fewer.
        """
        channels = channels_of(X, n_channels or X.shape[1])
        return channels[self.part(len(channels))]

    def wait(self) -> None:
        """Wait until every shard has come this far."""
        self._workers.wait(self.index)


def part_of(n: int, index: int, count: int) -> slice:
    """Which of ``n`` things are in part ``index`` of ``count``, as equal as can be."""
    return slice(n * index // count, n * (index + 1) // count)


def channels_of(X: Floats, n_channels: int) -> Floats:
    """``X``, (m, n), as (n_channels, places, m), a view: the places of a channel are columns one after the other."""
    return X.T.reshape(n_channels, -1, len(X))


def make_team(count: int, kind: Kind | None = None) -> Team:
    """A team of ``count``: of processes where they are forked safely, else of threads.

    Threads pass the interpreter's lock to and fro at every NumPy call; that costs a third of the time of a
    small network. On macOS a forked process must not use the system's matrix products. And who calls from another
    thread than the main one has something to do beside this: a process that is forked while another thread
    multiplies matrices waits for ever for a lock of BLAS that nobody in it holds.

    Raises
    ------
    ValueError
        There is no such kind.
    """
    is_safe = sys.platform == "linux" and current_thread() is main_thread()
    kind = kind or ("processes" if is_safe else "threads")
    if kind not in get_args(Kind):
        raise ValueError(f"workers must be one of {', '.join(get_args(Kind))}, not {kind!r}")
    if kind == "threads" or count == 1:
        return Threads(count)
    from stages.mlp.parallel.processes import Processes

    return Processes(count)


def open_gate(lock: Lock) -> None:
    """Release ``lock``, which may have been done already."""
    with suppress(RuntimeError):
        lock.release()
