"""The threads of the matrix library (BLAS): one for each worker, while any group runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from threadpoolctl import OpenBLASController, threadpool_limits

from stages.mlp.signals import signals_held

# Lets any thread set the next limit. Since 3.8, threadpoolctl heeds only the first thread that did, while it lives.
heed_any_thread = getattr(OpenBLASController, "clear_controlling_thread", lambda **_: None)


class BlasLimits:
    """The limits of this process, one for each group that runs. Each knows the number of threads before it."""

    def __init__(self) -> None:
        self.limits: list[threadpool_limits] = []
        self.renew_lock()

    def renew_lock(self) -> None:
        """In a forked process: another thread of the parent, which the child does not have, may hold the lock."""
        self.lock = Lock()

    def add(self) -> None:
        """Limit BLAS to one thread."""
        with self.lock:
            heed_any_thread(force=True)
            self.limits.append(threadpool_limits(limits=1, user_api="blas"))

    def remove(self) -> None:
        """Restore the number of threads before the latest limit. It is one as long as another group runs."""
        with self.lock:
            heed_any_thread(force=True)
            self.limits.pop().restore_original_limits()
            heed_any_thread(force=True)


LIMITS = BlasLimits()  # a global, because the number of threads is one for the whole process
os.register_at_fork(after_in_child=LIMITS.renew_lock)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread until all overlapping groups have ended; a signal leaves no limit behind."""
    is_limited = False
    try:
        with signals_held():
            LIMITS.add()
            is_limited = True
        yield
    finally:
        if is_limited:
            with signals_held():
                LIMITS.remove()
