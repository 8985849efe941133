"""Ctrl-C, SIGTERM and SIGHUP end a run in the same way: by an exception, so that every part can clean up.

It is KeyboardInterrupt, which is not a subclass of Exception. So ``except Exception`` in a stage or a library does not
catch it.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_REQUEST = 3.0  # seconds within which a second signal is ignored: the first one is being handled
RETRY_AFTER = 0.05  # seconds between attempts to raise what was lost


class _Stop:
    """A handler that raises KeyboardInterrupt, once for signals in quick succession."""

    def __init__(self) -> None:
        self._last = -SAME_REQUEST

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        now = time.monotonic()
        if now - self._last >= SAME_REQUEST:
            self._last = now
            raise KeyboardInterrupt

    def raise_again(self) -> None:
        """Have KeyboardInterrupt raised again: it was raised where Python ignores every exception."""
        self._last = inf  # nothing is raised until the thread has started: it would be lost again
        threading.Thread(target=self._ask, daemon=True).start()
        self._last = -SAME_REQUEST

    def _ask(self) -> None:
        """Send the main thread signals until it handles one: it may begin a long wait right after the first."""
        main = threading.main_thread().ident
        while True:
            time.sleep(RETRY_AFTER)
            if main is None or 0 <= self._last < inf or signal.getsignal(signal.SIGINT) is not self:
                return
            signal.pthread_kill(main, signal.SIGINT)


@contextmanager
def _lost_interrupts_repeated(stop: _Stop) -> Iterator[None]:
    """Repeat a KeyboardInterrupt that is lost in a finaliser or in a callback of the garbage collector."""
    earlier = sys.unraisablehook

    def hook(lost: sys.UnraisableHookArgs) -> None:
        if lost.exc_type is KeyboardInterrupt:
            stop.raise_again()
        else:
            earlier(lost)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = earlier


@contextmanager
def interruptible(*, for_good: bool = False) -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread on SIGINT, SIGTERM and SIGHUP while the block runs.

    SIGHUP stays ignored if it was: ``nohup`` does that. ``for_good`` means that this process ends after the block. All
    three are ignored from then on, so that none interrupts Python while it shuts down.
    """
    is_set = isinstance(signal.getsignal(signal.SIGTERM), _Stop)
    if is_set or threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    stop = _Stop()
    numbers = [number for number in STOPPING if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    earlier = {number: signal.signal(number, stop) for number in numbers}
    try:
        with _lost_interrupts_repeated(stop):
            yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, signal.SIG_IGN if for_good else handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore these signals while the block runs: it is short, and reports an interruption."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
