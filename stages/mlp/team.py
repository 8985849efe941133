"""Threads that share one training step: who does which part, and how they wait for each other.

NumPy releases the interpreter's lock inside its loops and matrix products, so threads do run at the same
time. How many there are is a setting, the number of shards; it never depends on the cores that are found,
for a different division would round differently. For the same reason BLAS is held to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

# NumPy adds a bias to every row through a buffer of so many values, which it allocates in every call. Half of
# its own size is as fast.
BUFFER_VALUES = 4096

# Weight matrices with fewer values are not divided.
WORTH_SHARING = 65536


class BrokenTeamError(Exception):
    """Another thread failed; its error, not this one, is what the caller sees."""


class Barrier:
    """Where every thread waits until all have come. Three times as fast as threading.Barrier."""

    def __init__(self, count: int) -> None:
        self.broken = False
        self._arrived = [Lock() for _ in range(1, count)]
        self._leave = [Lock() for _ in range(1, count)]
        for lock in self._arrived + self._leave:
            lock.acquire()

    def wait(self, index: int) -> None:
        """Wait, as thread number ``index``, for the others; BrokenTeamError if one of them failed."""
        if index > 0:
            open_door(self._arrived[index - 1])
            self._leave[index - 1].acquire()
        else:
            for lock in self._arrived:
                lock.acquire()
            for lock in self._leave:
                open_door(lock)
        if self.broken:
            self.abort()  # once more, for this wait may have taken what was meant to wake another
            raise BrokenTeamError

    def abort(self) -> None:
        """Wake everybody, now and later, with BrokenTeamError."""
        self.broken = True
        for lock in self._arrived + self._leave:
            open_door(lock)


def open_door(lock: Lock) -> None:
    """Release ``lock``, which ``Barrier.abort`` may have done already."""
    with suppress(RuntimeError):
        lock.release()


class Shard:
    """One thread's part of a batch of ``m`` rows, and of everything else that is divided.

    Attributes
    ----------
    index, count : this is shard number ``index`` of ``count``
    rows : the rows of the batch that are this shard's
    rng : the shard's own random numbers, for dropout and augmentation; fresh every epoch
    """

    def __init__(self, index: int, count: int, m: int, barrier: Barrier) -> None:
        self.index, self.count = index, count
        self.rows = self.part(m)
        self.rng = np.random.default_rng(0)
        self._barrier = barrier

    def part(self, n: int) -> slice:
        """Which of ``n`` things are this shard's."""
        return slice(n * self.index // self.count, n * (self.index + 1) // self.count)

    def part_of_matrix(self, shape: tuple[int, ...]) -> slice:
        """Which rows of a weight matrix are this shard's to update: the last shard's, if the matrix is small.

        Two threads that make many short calls get in each other's way at the interpreter's lock, and a
        small matrix is updated sooner than the lock is passed on.
        """
        if shape[0] * shape[1] >= WORTH_SHARING:
            return self.part(shape[0])
        return slice(0, shape[0] if self.index == self.count - 1 else 0)

    def wait(self) -> None:
        """Wait until every shard has come this far."""
        self._barrier.wait(self.index)


class Team:
    """``count`` threads, of which the caller's is the first; made by ``team()``."""

    def __init__(self, count: int, pool: ThreadPoolExecutor | None) -> None:
        self.count = count
        self._pool = pool

    def run(self, work: Callable[[int], None], barrier: Barrier) -> None:
        """Call ``work(index)`` in every thread, and return when all are done.

        Whatever one of them raises, Ctrl-C included, stops the others at ``barrier`` and is raised here.
        """

        def guarded(index: int) -> None:
            try:
                # A training that diverges is told by its loss, not by warnings.
                with np.errstate(over="ignore", invalid="ignore"):
                    np.setbufsize(BUFFER_VALUES)  # until errstate ends
                    work(index)
            except BaseException:
                barrier.abort()
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


@contextmanager
def team(count: int) -> Iterator[Team]:
    """A team of ``count`` threads with BLAS held to one thread in each of them."""
    with threadpool_limits(limits=1, user_api="blas"):
        if count == 1:
            yield Team(1, None)
            return
        with ThreadPoolExecutor(count - 1, thread_name_prefix="shard") as pool:
            yield Team(count, pool)
