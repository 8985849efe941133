"""A group in which one worker is always late: whoever does not wait for it reads what it has not written yet."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from threading import Condition

from stages.mlp.parallel.threads import Threads


class OneLate(Threads):
    """Threads of which one starts, and goes on after each wait, only when all others wait for it or are done."""

    def __init__(self, count: int, late: int) -> None:
        super().__init__(count)
        self._late = late
        self._waits = [0.0] * count  # how many waits each worker has come to; no end of them once it is done
        self._changed = Condition()

    def run(self, work: Callable[[int], None]) -> None:
        def late_or_not(index: int) -> None:
            try:
                self._let_others_go_first(index)
                work(index)
            finally:
                self._count(index, inf)

        super().run(late_or_not)

    def wait(self, index: int) -> None:
        self._count(index, 1)
        super().wait(index)
        self._let_others_go_first(index)

    def _count(self, index: int, n: float) -> None:
        with self._changed:
            self._waits[index] += n
            self._changed.notify_all()

    def _let_others_go_first(self, index: int) -> None:
        if index == self._late:
            with self._changed:
                self._changed.wait_for(
                    lambda: sum(waits > self._waits[index] for waits in self._waits) == self.count - 1
                )
