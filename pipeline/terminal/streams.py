"""The standard streams of this process, each of which may be closed, read-only, or on a full disk.

A stream that is closed, or open the wrong way, becomes ``/dev/null``. What cannot be written to standard error is lost.
If standard output fails, the program ends with an error: results must not be lost silently.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TextIO

from pipeline.errors import PipelineError


class _Results(TextIOWrapper):
    """Standard output. After a failure it is ``/dev/null``, so that the failure is reported once."""

    def write(self, text: str) -> int:
        with self._failure_reported():
            return super().write(text)

    def flush(self) -> None:
        with self._failure_reported():
            super().flush()

    @contextmanager
    def _failure_reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _redirect_to_null(self.fileno())
            if isinstance(error, BrokenPipeError):  # the reader has ended, as ``head`` does
                raise
            raise PipelineError(
                f"standard output cannot be written to: {error.strerror}", hint="send it to a place that has room"
            ) from error


class _Messages(TextIOWrapper):
    """Standard error. If it cannot be written to, the text is lost: there is no other place to report the failure."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def use_streams() -> bool:
    """Make the standard streams safe to write to. Return False and do nothing if others replace them, as in a test."""
    if sys.stdout is not sys.__stdout__ or sys.stderr is not sys.__stderr__:
        return False
    for descriptor, wanted in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        if not _allows(descriptor, wanted):  # else the next file that is opened would get its number
            _redirect_to_null(descriptor)
    sys.stdout = _text(_Results, sys.stdout, 1)
    sys.stderr = _text(_Messages, sys.stderr, 2)
    return True


def _redirect_to_null(descriptor: int) -> None:
    """Redirect a descriptor to ``/dev/null``, for child processes too."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.set_inheritable(descriptor, True)
    if null != descriptor:
        os.close(null)


def _allows(descriptor: int, wanted: int) -> bool:
    """Whether a descriptor is open for reading or writing, as ``wanted``."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE in {wanted, os.O_RDWR}
    except OSError:
        return False


def _text(kind: type[TextIOWrapper], before: TextIO | None, descriptor: int) -> TextIO:
    """Return a text stream on a descriptor, with the encoding of the stream ``before`` it; None if that was closed."""
    raw = FileIO(descriptor, "wb", closefd=False)
    is_at_once = descriptor == 2 or raw.isatty()
    encoding = before.encoding if before else "utf-8"
    return kind(BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=is_at_once)
