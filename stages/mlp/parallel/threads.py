"""A group of threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Lock

from stages.mlp.parallel.group import BrokenGroupError, Group, numpy_settings


class Threads(Group):
    """Threads. NumPy releases the interpreter's lock inside its loops and products, so they do run side by side."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._pool = ThreadPoolExecutor(count - 1, thread_name_prefix="replica") if count > 1 else None
        self._is_broken = False
        # A lock that is held is a gate that opens once: three times as fast as threading.Barrier.
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
        except BrokenGroupError:
            pass  # what broke it is the error of one of the futures
        finally:
            wait(futures)
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, BrokenGroupError)):
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
            raise BrokenGroupError

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _abort(self) -> None:
        """Wake everybody, now and later, with BrokenGroupError."""
        self._is_broken = True
        for lock in self._arrived + self._leave:
            open_gate(lock)


def open_gate(lock: Lock) -> None:
    """Release ``lock``, which may have been done already."""
    with suppress(RuntimeError):
        lock.release()
