"""The log of runs, one line of JSON each, and what differs between two.

A line is written with one call and forced to disk; a line torn by a crash is passed over when reading.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, StoreError

FILE_NAME = "runs.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was asked, what each stage did, and the figures that came out.

    ``works`` maps a stage to the parts of its work (parameters, sources, inputs, code, libraries) after
    the run; ``stages`` to what was done with it; ``outcome`` is done, failed or interrupted.
    """

    id: int
    started: str
    seconds: float
    command: str
    outcome: str
    error: str
    changed: Mapping[str, Any]
    stages: Mapping[str, str]
    figures: Mapping[str, Any]
    works: Mapping[str, Any]


def read_runs(folder: Path) -> tuple[Run, ...]:
    """Read all runs, oldest first; a torn or foreign line is ignored."""
    try:
        lines = (folder / FILE_NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StoreError(f"cannot read the log of runs: {error.strerror}", where=str(folder / FILE_NAME)) from error
    runs = []
    for line in lines:
        try:
            runs.append(Run(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return tuple(runs)


def append_run(folder: Path, run: Run) -> None:
    """Add a run to the log; the caller holds the writer's lock."""
    data = json.dumps(asdict(run), sort_keys=True, ensure_ascii=False).encode() + b"\n"
    path = folder / FILE_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # the last writer was killed in mid-line
                data = b"\n" + data
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"cannot write the log of runs: {error.strerror}", where=str(path)) from error


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
    raise ConfigError(f"there is no run {number}", mend="pipeline runs lists them")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two runs differ; None stands for absent."""

    kind: str
    name: str
    before: Any
    after: Any


def compare(first: Run, second: Run) -> tuple[Difference, ...]:
    """Return which parameters, raw files, inputs, code and libraries differ, and then how the figures moved."""
    found: list[Difference] = []
    for part, kind in (
        ("parameters", "parameter"),
        ("sources", "source"),
        ("inputs", "input"),
        ("code", "code"),
        ("libraries", "library"),
    ):
        found += _differences(kind, _flat(first.works, part), _flat(second.works, part))
    return (*found, *_differences("figure", first.figures, second.figures))


def _flat(works: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Join one part of every stage's work; only parameters need the stage in front of their name."""
    return {
        f"{stage}.{name}" if part == "parameters" else name: value
        for stage, work in works.items()
        for name, value in work.get(part, {}).items()
    }


def _differences(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    names = sorted(before.keys() | after.keys())
    return [
        Difference(kind, name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]
