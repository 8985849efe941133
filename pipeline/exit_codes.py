"""The exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line returns; scripts outside rely on these numbers."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    STALE = 3
    INTERRUPTED = 130
