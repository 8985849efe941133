"""Every error that a person can meet: what is wrong, where, and what puts it right."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence

from pipeline.exit_codes import ExitCode

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ANOTHER_FILE_SYSTEM = "work in a folder on another file system, with -C"
FREE_SPACE = "free some space (pipeline clean shows what could go) and run again"


class PipelineError(Exception):
    """The base of all errors that are shown as one block and never as a traceback.

    ``what`` is one sentence. ``where`` names file, row, column and value as far as they are known, or several such
    places. ``hint`` names the command or the setting that puts it right.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, where: str | Sequence[str] = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.places = (where,) if isinstance(where, str) else tuple(where)
        self.hint = hint

    @property
    def where(self) -> str:
        """The place, one line below the other if there are several."""
        return "\n    ".join(self.places)

    def lines(self) -> list[str]:
        """Return what is shown, a line each; a line break within one is part of a name from outside."""
        first, *others = self.places
        return [
            self.what,
            *([f"  where: {first}"] if first else []),
            *(f"    {place}" for place in others),
            *([f"  hint:  {self.hint}"] if self.hint else []),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


class ConfigError(PipelineError):
    """A setting, a preset or a word on the command line is wrong."""

    exit_code = ExitCode.USAGE


class DataError(PipelineError):
    """The user's files, or an artifact, do not hold what they should."""


class StageError(PipelineError):
    """A stage could not do its work, or its result may not be certified."""


class StoreError(PipelineError):
    """The artifacts folder cannot be read or written as it must be."""


class SweepError(PipelineError):
    """A sweep cannot go on, whatever the next trial's settings are."""


class LockError(PipelineError):
    """Another process is writing below artifacts/."""


def first_few(texts: Sequence[str], most: int = 5, separator: str = ", ") -> str:
    """Join the first of some texts, and say how many there are besides: ``a, b, and 3 more``."""
    more = [f"and {len(texts) - most:,} more"] if len(texts) > most else []
    return separator.join([*texts[:most], *more])


def nearest(word: str, known: Iterable[str], what: str, most: int = 20) -> str:
    """Name the known word that is nearest to a mistyped one, or else all of them, or the first if they are many."""
    from difflib import get_close_matches

    known = list(known)
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"{what}: {first_few(known, most)}"
