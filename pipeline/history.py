"""The log of runs, one line of JSON each, and what differs between two.

A line is written with one call and forced to disk; a line torn by a crash is passed over when reading.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, StoreError

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
    figures: Mapping[str, Any]
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
            runs.append(Run(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return tuple(runs)


def append_run(folder: Path, run: Run) -> None:
    """Add a run to the log; the caller holds the writer's lock."""
    data = json.dumps(asdict(run), ensure_ascii=False).encode() + b"\n"
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


def compare(first: Run, second: Run, code_of: Callable[[str, str], Mapping[str, str] | None]) -> list[Difference]:
    """Return which stages, parameters, raw files, inputs, code and libraries differ, and then how the figures moved.

    Of a stage that has a result in one of the runs only, nothing else is said. ``code_of(stage, generation)`` gives
    the digests of a result's functions, so that changed ones can be named, or None where the result is no longer
    stored.
    """
    found = _differences("stage", *({name: run.stages[name] for name in run.results} for run in (first, second)))
    found = [item for item in found if item.before is None or item.after is None]
    if found:
        first, second = _known_to_both(first, second), _known_to_both(second, first)
    found += _differences("parameter", first.parameters, second.parameters)
    found += _differences("source", first.sources, second.sources)
    found += _differences("input", first.inputs, second.inputs)
    functions: dict[str, Difference] = {}
    for change in _differences("code", first.code, second.code):
        stage = change.name
        before, after = (code_of(stage, run.results[stage]) for run in (first, second))
        named = _differences("code", before, after) if before and after else [change]
        functions |= {item.name: item for item in named}
    found += functions.values()
    found += _differences("library", first.libraries, second.libraries)
    return found + _differences("figure", first.figures, second.figures)


def _known_to_both(run: Run, other: Run) -> Run:
    """``run`` without what it says of stages that have no result in ``other``."""
    stages = run.results.keys() & other.results.keys()
    return replace(
        run,
        parameters={name: value for name, value in run.parameters.items() if name.partition(".")[0] in stages},
        code={name: value for name, value in run.code.items() if name in stages},
        figures={name: value for name, value in run.figures.items() if name.partition(":")[0] in stages},
        # These are noted without the stages that they are of.
        sources={name: value for name, value in run.sources.items() if name in other.sources},
        inputs={name: value for name, value in run.inputs.items() if name in other.inputs},
        libraries={name: value for name, value in run.libraries.items() if name in other.libraries},
    )


def _differences(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    names = sorted(before.keys() | after.keys())
    return [
        Difference(kind, name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]
