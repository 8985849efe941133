"""Every error that a person can meet: what is wrong, where, and what puts it right."""

from __future__ import annotations

import errno
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.exit_codes import ExitCode

ANOTHER_FILE_SYSTEM = "work in a folder on another file system, with -C"
NO_MEMORY = "(?i)cannot allocate memory|failed to map segment|unable to allocate|bad_alloc"
NO_THREADS = "(?i)can't start new thread|failed to launch worker thread"
MORE_MEMORY = "end other programs, or raise the limit of memory (ulimit -v shows it)"
SHOW_WHERE = "run it again with --debug to see where"
LONGEST = 1_000  # letters of a line that is shown
FULL = {
    errno.ENOSPC: ("the disk is full", "free some space (pipeline clean shows what could go) and run again"),
    errno.EDQUOT: ("your share of the disk is used up", "free some space (pipeline clean shows what could go)"),
    errno.EFBIG: ("a file may not be that large here", "ulimit -f shows the limit: raise it, or use another disk"),
}
NO_MORE_FILES = ("too many files are open at once", "ulimit -n shows the limit: raise it")
NO_MORE_MEMORY = ("memory ran out", MORE_MEMORY)
# Limits of the process or the machine: the file that such an error names is not its cause.
LIMITS = {errno.ENOMEM: NO_MORE_MEMORY, errno.EMFILE: NO_MORE_FILES, errno.ENFILE: NO_MORE_FILES}


class PipelineError(Exception):
    """The base of all errors that are shown as one block and never as a traceback.

    ``what`` is one sentence. ``where`` names file, row, column and value as far as they are known, or several such
    places. ``hint`` names the command or the setting that puts it right.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, where: str | Sequence[str] = "", hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.places = (where,) if isinstance(where, str) else tuple(where)
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self.what, where=self.places, hint=self.hint), ()

    @property
    def where(self) -> str:
        """The place, one line below the other if there are several."""
        return "\n    ".join(self.places)

    def lines(self) -> list[str]:
        """Return the lines to show. A line break within a line is part of a name from outside."""
        first, *others = self.places
        cause = self.__cause__
        limit = LIMITS.get(cause.errno or 0) if isinstance(cause, OSError) else None
        hint = limit[1] if limit else self.hint
        lines = [
            self.what,
            *([f"  where: {first}"] if first else []),
            *(f"    {place}" for place in others),
            *([f"  hint:  {hint}"] if hint else []),
        ]
        return [shortened(line, LONGEST) for line in lines]

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


def pip_install(*packages: str) -> str:
    """Return the command that installs packages for the Python that runs, which need not be the shell's own."""
    python = Path(sys.executable or "python")
    if python.is_relative_to(Path.cwd()) and python.parent != Path.cwd():  # as one would type it
        python = python.relative_to(Path.cwd())
    return shlex.join([str(python), "-m", "pip", "install", *packages])


def not_as_written(stage: str) -> str:
    """Return the hint for a stage that reads back other results than it wrote."""
    return f"run it again; if that fails too, the disk loses data or the code of {stage} is wrong"


def disk_full(error: OSError) -> tuple[str, str] | None:
    """Return a message and a hint if a file could not be written because there is no room; None for other errors."""
    return FULL.get(error.errno or 0)


def shortage(error: BaseException) -> PipelineError | None:
    """Return the error to show if an error or its cause is a lack of memory, open files, threads or processes."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        number, file = (link.errno, link.filename) if isinstance(link, OSError) else (None, None)
        limit = LIMITS.get(number or 0)
        if isinstance(link, MemoryError) or re.search(NO_MEMORY, str(link)):
            limit = NO_MORE_MEMORY
        if limit:
            return PipelineError(limit[0], hint=limit[1])
        if re.search(NO_THREADS, str(link)) or (number == errno.EAGAIN and not file):
            what = "no further thread or process can be started: their number, or memory, is limited"
            return PipelineError(what, hint=f"{MORE_MEMORY}; ulimit -u shows the limit of processes")
        link = link.__cause__ or link.__context__
    return None


def no_thread() -> PipelineError | None:
    """Return the error to show if no thread can be started. OpenBLAS then sends this process SIGINT, as Ctrl-C does."""
    from threading import Thread

    try:
        Thread(target=int).start()
    except RuntimeError as error:
        return shortage(error)
    return None


def refused_by_system(error: Exception) -> PipelineError | None:
    """Return the error to show if the system refuses a file, for example one behind a link that leads nowhere."""
    if not isinstance(error, OSError) or not error.filename or not error.strerror:
        return None
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
    if full := disk_full(error):
        return StoreError(full[0], where=where, hint=full[1])
    hint = "see what stands there: a link may lead nowhere, or a file or folder may be closed to you"
    return PipelineError(f"{Path(where).name or where} cannot be used: {error.strerror}", where=where, hint=hint)


def failure(doer: str, error: Exception, room: Callable[[], str] = lambda: "") -> PipelineError:
    """Return the error to show if ``doer``, a stage or one of its jobs, failed with any ``error``.

    On a full disk ``room`` is called: it returns the folder that the doer writes into, and how much room is there.
    """
    if short := shortage(error):
        return StageError(f"{doer} failed: {short.what}", hint=short.hint)
    if isinstance(error, OSError):
        if full := disk_full(error):
            what, hint = full
            left = room() if error.errno != errno.EFBIG else ""  # that is a limit of files, not of the disk
            places = [str(place) for place in (error.filename, left) if place]
            return StoreError(f"{doer} cannot write its results: {what}", where=places or "", hint=hint)
        return StageError(f"{doer} failed: {error.strerror or error}", where=str(error.filename or ""), hint=SHOW_WHERE)
    return StageError(f"{doer} failed: {type(error).__name__}: {error}", hint=SHOW_WHERE)


def shortened(text: str, most: int = 100) -> str:
    """Leave out the middle of a text of more than ``most`` letters, and say how many there are."""
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]} ... {text[len(text) - most // 4 :]} ({len(text):,} letters)"


def first_few(texts: Sequence[str], most: int = 5, separator: str = ", ") -> str:
    """Join the first of some texts, and say how many there are besides: ``a, b, and 3 more``."""
    more = [f"and {len(texts) - most:,} more"] if len(texts) > most else []
    return separator.join([*texts[:most], *more])


def plain_reason(reason: str) -> str:
    """Say why msgspec refuses a value in plain words, without the names of its types."""
    words = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
    words |= {"array": "a list", "object": "a table", "null": "none", " | ": " or "}
    reason = reason.replace("Object contains unknown field", "there is no setting")
    reason = reason.replace("`int`, got `float`", "`int`, got a number with a decimal point")
    plain_words = "".join(
        re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], part) if index % 2 else part
        for index, part in enumerate(reason.split("`"))  # every second part stood between backticks
    )
    return plain_words[0].lower() + plain_words[1:]


def close_matches(word: str, known: Iterable[str], most: int = 1, cutoff: float = 0.5) -> list[str]:
    """Return the known words that are most similar to a mistyped one; ``cutoff`` is the least similarity, from 0 to 1.

    A word that differs only in capital letters is the only match.
    """
    from difflib import get_close_matches

    by_small_letters = {each.casefold(): each for each in known}
    if same := by_small_letters.get(word.casefold()):
        return [same]
    return [by_small_letters[each] for each in get_close_matches(word.casefold(), by_small_letters, most, cutoff)]


def nearest(word: str, known: Iterable[str], what: str, most: int = 20) -> str:
    """Name the known word that is nearest to a mistyped one, or else all of them, or the first if they are many."""
    known = list(known)
    close = close_matches(word, known, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"{what}: {first_few(known, most)}"
