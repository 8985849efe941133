"""The number of threads of BLAS, NumPy's library for matrix products: one in each worker, while any group runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController

from stages.mlp.delay_signals import delay_signals

# Allows any thread to set the next limit. Since 3.8, threadpoolctl accepts only the thread that set the first limit.
clear_controlling_thread = getattr(OpenBLASController, "clear_controlling_thread", lambda **_: None)


@lru_cache(1)
def blas_libraries(n_modules: int) -> ThreadpoolController:  # noqa: ARG001 - another number is looked up anew
    """Return the loaded BLAS libraries. Looking takes ms, and finds other ones only once modules were imported."""
    return ThreadpoolController()


class BlasLimits:
    """The limits of this process, one for each running group. Each limit stores the number of threads before it."""

    def __init__(self) -> None:
        self.limits: list[Any] = []
        self.renew_lock()

    def renew_lock(self) -> None:
        """Call this in a forked process: a thread that exists only in the parent may hold the lock."""
        self.lock = Lock()

    def add(self) -> None:
        """Limit BLAS to one thread."""
        with self.lock:
            clear_controlling_thread(force=True)
            self.limits.append(blas_libraries(len(sys.modules)).limit(limits=1, user_api="blas"))

    def remove(self) -> None:
        """Restore the number of threads before the latest limit. This is 1 while another group runs."""
        with self.lock:
            clear_controlling_thread(force=True)
            self.limits.pop().restore_original_limits()
            clear_controlling_thread(force=True)


LIMITS = BlasLimits()  # a global, because BLAS has one number of threads for the whole process
os.register_at_fork(after_in_child=LIMITS.renew_lock)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread until all overlapping groups have ended. Signals are delayed while the limit changes."""
    is_limited = False
    try:
        with delay_signals():
            LIMITS.add()
            is_limited = True
        yield
    finally:
        if is_limited:
            with delay_signals():
                LIMITS.remove()
