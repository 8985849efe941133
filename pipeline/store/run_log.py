"""The log of runs, one line of JSON each.

A line is written with one call and forced to disk. A line torn by a crash is passed over when reading.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from pipeline.errors import ConfigError, StoreError
from pipeline.figures import AnyFigure
from pipeline.safe_files import replacing

FILE_NAME = "runs.jsonl"
BLOCK = 1 << 16  # bytes read from the end of the log to find the last run
LEVELS = 10  # of nested lists and tables that a setting may have


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was asked for, what each stage did, and the figures that came out.

    ``outcome`` is done, failed or interrupted. ``stages`` maps a stage to what was done with it, ``results`` to
    its generation. ``changed`` holds the settings that neither the defaults nor the ``preset`` gave. ``trial``
    holds a trial's ``sweep`` and its ``number`` there; it is empty for other runs.
    The results rest on ``parameters`` (by full name), raw ``sources`` and ``inputs`` (with their digests), ``code``
    (one digest for each stage; its receipt has them all) and ``libraries`` (with their versions).
    """

    id: int
    started: str
    seconds: float
    command: str
    outcome: str
    error: str
    preset: str
    changed: Mapping[str, Any]
    stages: Mapping[str, str]
    figures: Mapping[str, AnyFigure]
    results: Mapping[str, str]
    parameters: Mapping[str, Any]
    sources: Mapping[str, str]
    inputs: Mapping[str, str]
    code: Mapping[str, str]
    libraries: Mapping[str, str]
    trial: Mapping[str, Any] = field(default_factory=dict)


_DECODER = msgspec.json.Decoder(Run)


@dataclass(frozen=True, slots=True)
class RunLog:
    """The runs of a log, oldest first, and how many of its lines are none."""

    runs: tuple[Run, ...]
    passed_over: int

    @property
    def warning(self) -> str:
        """A warning about the lines that were skipped; empty if there are none."""
        if not self.passed_over:
            return ""
        lines = "1 line is" if self.passed_over == 1 else f"{self.passed_over:,} lines are"
        return f"{lines} not a run and passed over in {FILE_NAME}: torn by a crash, or damaged"


def read_log(folder: Path) -> RunLog:
    """Read the log of runs; lines that are torn, or not what this software writes, are passed over and counted."""
    path = folder / FILE_NAME
    try:
        with _opened(path) as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise _cannot_read(path, error) from error
    found = [_parse(line) for line in lines if line.strip()]
    runs = tuple(run for run in found if run is not None)
    return RunLog(runs, len(found) - len(runs))


def read_runs(folder: Path) -> tuple[Run, ...]:
    """Return all runs of the log, oldest first."""
    return read_log(folder).runs


def next_id(folder: Path) -> int:
    """Return the number of the next run. Only the end of the log is read: it may be long."""
    path = folder / FILE_NAME
    try:
        with _opened(path) as file:
            end = start = file.seek(0, os.SEEK_END)
            while start > 0:
                start = max(0, start - max(BLOCK, end - start))  # twice as much as before
                file.seek(start)
                lines = file.read(end - start).splitlines()
                whole = lines[1:] if start else lines  # the first one begins before what was read
                last = next((run for line in reversed(whole) if (run := _parse(line))), None)
                if last is not None:
                    return last.id + 1
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _cannot_read(path, error) from error
    return 1


def _parse(line: bytes) -> Run | None:
    """Return the run of a line, None if it is none."""
    try:
        run = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return run if _is_shallow([run.changed, run.parameters, run.trial], LEVELS) else None


def _is_shallow(value: object, levels: int) -> bool:
    """Whether lists and tables lie at most so many levels within each other; settings do in few."""
    if isinstance(value, dict):
        return _is_shallow(list(value.values()), levels)
    if not isinstance(value, list):
        return True
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in value)


def _opened(path: Path) -> IO[bytes]:
    """Open the log to be read; raises OSError for a pipe or a device, of which there may be no end."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a plain file", str(path))
    return file


def _cannot_read(path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot read the log of runs: {error.strerror}", where=str(path), hint="make it readable")


def append_run(folder: Path, run: Run) -> None:
    """Add a run to the log; the caller holds the writer's lock."""
    data = json.dumps(asdict(run), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    path = folder / FILE_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is not a plain file")
            if found.st_nlink > 1:  # its other name is a backup's, or somebody's: only this one gets the new line
                with replacing(path) as file:
                    file.write(path.read_bytes())
                append_run(folder, run)
                return
            size = found.st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # the last writer was killed in mid-line
                data = b"\n" + data
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(
            f"cannot write the log of runs: {error.strerror}", where=str(path), hint="make it writable"
        ) from error


def find_run(runs: Sequence[Run], number: str) -> Run:
    """Return a run by its number, or from the end: -1 is the last."""
    try:
        wanted = int(number)
    except ValueError:
        wanted = 0
    if wanted < 0 and -wanted <= len(runs):
        return runs[wanted]
    for run in runs:
        if run.id == wanted:
            return run
    raise ConfigError(f"there is no run {number}", hint="pipeline runs lists them")
