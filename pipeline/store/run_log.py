"""The log of runs, one line of JSON each, and what differs between two.

A line is written with one call and forced to disk; a line torn by a crash is passed over when reading.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, StoreError
from pipeline.figures import AnyFigure, read_figure

FILE_NAME = "runs.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was asked, what each stage did, and the figures that came out.

    ``stages`` maps a stage to what was done with it, ``outcome`` is done, failed or interrupted, and
    ``changed`` holds the settings that neither the defaults nor the ``preset`` gave, and ``results`` each
    stage's generation. A trial of a sweep says so in ``trial``: which ``sweep``, and its ``number`` there.
    What these rest on: ``parameters`` by full name, raw ``sources`` and ``inputs`` by name or path with their
    digests, ``code`` as one digest a stage (the receipt in the generation has them all), ``libraries``
    with their versions.
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
            data = json.loads(line)
            figures = {name: read_figure(value) for name, value in data["figures"].items()}
            runs.append(Run(**{**data, "figures": figures}))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return tuple(runs)


def append_run(folder: Path, run: Run) -> None:
    """Add a run to the log; the caller holds the writer's lock."""
    data = json.dumps(asdict(run), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
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
    raise ConfigError(f"there is no run {number}", hint="pipeline runs lists them")
