"""The log of runs: what each was asked for, what it did, and what came out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pipeline.errors import ConfigError
from pipeline.figures import AnyFigure
from pipeline.logs.line_log import LineLog, open_log

FILE_NAME = "runs.jsonl"
BLOCK = 1 << 16  # bytes read from the end of the log to find the last run
LEVELS = 10  # of nested lists and tables that a setting may have


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was asked for, what each stage did, and the figures that came out.

    ``outcome`` is done, failed or interrupted. ``stages`` maps a stage to what was done with it, ``results`` to
    its generation. ``changed`` holds the settings that neither the defaults nor the ``preset`` gave. For stages
    that did not run, it holds those of the results that the run was built upon, and nothing of the command line.
    ``trial`` holds a trial's ``sweep`` and its ``number`` there; it is empty for other runs.
    The results rest on ``parameters`` (by full name), raw ``sources`` and ``inputs`` (with their digests), ``code``
    (one digest for each stage; its receipt has them all) and ``libraries`` (with their versions). ``origin`` says where
    the raw data came from; it is empty in older logs, and where no stage was done.
    A new field needs a default. Lines of earlier versions do not have it: without a default they would be skipped.
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
    origin: str = ""


def _is_whole(run: Run) -> bool:
    """Whether the results are those of stages that the run did, and the settings are nested as settings are."""
    has_stages = run.code.keys() <= run.results.keys() <= run.stages.keys()
    return has_stages and _is_shallow([run.changed, run.parameters, run.trial], LEVELS)


def _is_shallow(value: object, levels: int) -> bool:
    """Whether lists and tables are nested at most ``levels`` deep."""
    if isinstance(value, dict):
        return _is_shallow(list(value.values()), levels)
    if not isinstance(value, list):
        return True
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in value)


LOG = LineLog(FILE_NAME, "run", msgspec.json.Decoder(Run), _is_whole)


def read_runs(folder: Path) -> tuple[Run, ...]:
    """Return all runs of the log, oldest first."""
    return LOG.read(folder).all


def next_id(folder: Path) -> int:
    """Return the number of the next run. Only the end of the log is read: it may be long."""
    path = folder / FILE_NAME
    try:
        with open_log(path) as file:
            end = start = file.seek(0, os.SEEK_END)
            while start > 0:
                start = max(0, start - max(BLOCK, end - start))  # twice as much as before
                file.seek(start)
                lines = file.read(end - start).splitlines()
                whole = lines[1:] if start else lines  # the first one begins before what was read
                last = next((run for line in reversed(whole) if (run := LOG.parse(line))), None)
                if last is not None:
                    return last.id + 1
    except FileNotFoundError:
        pass
    except OSError as error:
        raise LOG.cannot("read", path, error) from error
    return 1


def append_run(folder: Path, run: Run) -> None:
    """Add a run to the log; the caller holds the writer's lock."""
    LOG.append(folder, asdict(run))


def find_run(runs: Sequence[Run], number: str) -> Run:
    """Return a run by its number, or from the end: -1 is the last. Trials of a sweep are not counted from the end."""
    try:
        wanted = int(number)
    except ValueError:
        wanted = 0
    no_trials = [run for run in runs if not run.trial]
    if wanted < 0 and -wanted <= len(no_trials):
        return no_trials[wanted]
    for run in runs:
        if run.id == wanted:
            return run
    raise ConfigError(f"there is no run {number}", hint="pipeline runs lists them")
