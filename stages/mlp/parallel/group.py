"""A group of workers, which are threads or processes. In training, each worker runs one replica.

In training, the number of workers is a setting (``replicas``). It never depends on the number of cores, because another
division of the rows would change the rounding. For the same reason, BLAS (NumPy's library for matrix products) has one
thread in each worker. Threads and processes give the same weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from stages.mlp.parallel.blas_threads import one_blas_thread

# Values in NumPy's buffer. NumPy allocates a buffer in every call that adds a bias to rows. The default is eight times
# as large, and not faster.
BUFFER_VALUES = 1024


class BrokenGroupError(Exception):
    """Another worker failed. The caller gets the error of that worker, not this one."""


class Group(ABC):
    """``count`` workers. The caller is worker 0."""

    def __init__(self, count: int) -> None:
        self.count = count

    def run(self, work: Callable[[int], None]) -> None:
        """Call ``work(index)`` in every worker, and return when all have finished.

        An exception in one worker, also from Ctrl-C, is raised here after the others have ended: at their next
        ``wait``, or at the end of their work. If worker 0 ends with an exception, processes are killed at once. Do not
        use the group after an exception.
        """
        with one_blas_thread(), numpy_settings():
            self.run_together(work)

    @abstractmethod
    def run_together(self, work: Callable[[int], None]) -> None:
        """Called by ``run``, after it has set the number of BLAS threads and NumPy's settings."""

    @abstractmethod
    def wait(self, index: int) -> None:
        """A barrier: worker ``index`` waits until all workers wait. BrokenGroupError if a worker has failed."""


@contextmanager
def numpy_settings() -> Iterator[None]:
    """NumPy's settings for training. Overflow gives no warning, because a loss that is not finite raises an error."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.setbufsize(BUFFER_VALUES)  # until errstate ends
        yield


def part_of(n: int, index: int, count: int) -> slice:
    """The slice of part ``index``, if ``n`` items are divided into ``count`` parts of almost equal size."""
    return slice(n * index // count, n * (index + 1) // count)
