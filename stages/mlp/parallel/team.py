"""Workers that share one training step, and wait for each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

BUFFER_VALUES = 4096


class BrokenTeamError(Exception):
    """Another worker failed; its error, not this one, is what the caller sees."""


class Team(ABC):
    """``count`` workers, of which the caller is the first. Within ``with`` BLAS has one thread."""

    def __init__(self, count: int) -> None:
        self.count = count

    @abstractmethod
    def run(self, work: Callable[[int], None]) -> None:
        """Call ``work(index)`` in every worker, and return when all are done.

        Whatever one of them raises, Ctrl-C included, ends the others and is raised here; the team is of no
        further use then.
        """

    @abstractmethod
    def wait(self, index: int) -> None:
        """Wait, as worker number ``index``, until all have come here; BrokenTeamError if one of them failed."""

    def close(self) -> None:  # noqa: B027 - nothing to give back
        """Give back what the team holds."""

    def __enter__(self) -> Self:
        self._limits = threadpool_limits(limits=1, user_api="blas")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        self._limits.restore_original_limits()


@contextmanager
def numpy_settings() -> Iterator[None]:
    """NumPy's settings for training: one that diverges is told by its loss, not by warnings."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.setbufsize(BUFFER_VALUES)  # until errstate ends
        yield
