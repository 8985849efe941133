"""A group of workers, which are threads or processes: in training each runs one replica, and waits for the others.

How many there are is a setting. It never depends on the cores that are found, since another division of the rows rounds
differently. For the same reason the matrix library has one thread in each worker. Whether the workers are processes or
threads changes nothing about the weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from stages.mlp.parallel.blas_threads import one_blas_thread

# Values in NumPy's buffer. NumPy allocates one in each call that adds a bias to rows. Its default is eight times as
# large, and no faster.
BUFFER_VALUES = 1024


class BrokenGroupError(Exception):
    """Another worker failed; its error, not this one, is what the caller sees."""


class Group(ABC):
    """``count`` workers, of which the caller is the first."""

    def __init__(self, count: int) -> None:
        self.count = count

    def run(self, work: Callable[[int], None]) -> None:
        """Call ``work(index)`` in every worker, and return when all are done.

        Whatever one of them raises, Ctrl-C included, ends the others and is raised here. The group is of no use
        after that.
        """
        with one_blas_thread(), numpy_settings():
            self.run_together(work)

    @abstractmethod
    def run_together(self, work: Callable[[int], None]) -> None:
        """As ``run``, which has set how many threads the matrix library has."""

    @abstractmethod
    def wait(self, index: int) -> None:
        """Wait, as worker number ``index``, until all have come here; BrokenGroupError if one of them failed."""


@contextmanager
def numpy_settings() -> Iterator[None]:
    """NumPy's settings for training: a training that diverges is told by its loss, not by warnings."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.setbufsize(BUFFER_VALUES)  # until errstate ends
        yield


def part_of(n: int, index: int, count: int) -> slice:
    """Which of ``n`` things are in part ``index`` of ``count``, as equal as can be."""
    return slice(n * index // count, n * (index + 1) // count)
