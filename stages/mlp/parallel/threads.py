"""A group of threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

from stages.mlp.parallel.group import BrokenGroupError, Group, numpy_settings


class Threads(Group):
    """Threads run in parallel, because NumPy releases the interpreter's lock in its loops and matrix products."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._barrier = Barrier(count)

    def run_together(self, work: Callable[[int], None]) -> None:
        def guarded(index: int) -> None:
            try:
                with numpy_settings():  # a new thread has NumPy's defaults
                    work(index)
            except BaseException:
                self._barrier.abort()  # ends all waits, now and later
                raise

        with ThreadPoolExecutor(self.count, thread_name_prefix="worker") as pool:  # waits for all threads at the end
            futures = [pool.submit(guarded, index) for index in range(1, self.count)]
            with suppress(BrokenGroupError):  # a future has the error that broke the group
                guarded(0)
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, BrokenGroupError)):
            raise error

    def wait(self, index: int) -> None:  # noqa: ARG002 - a barrier does not need the index
        try:
            self._barrier.wait()
        except BrokenBarrierError as error:
            raise BrokenGroupError from error
