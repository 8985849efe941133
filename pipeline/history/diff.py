"""What differs between two runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.history.scores import scores_of
from pipeline.logs.run_log import Run
from pipeline.logs.score_log import Score


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two runs differ; None stands for absent."""

    kind: str
    name: str
    before: Any
    after: Any


def compare(
    first: Run,
    second: Run,
    code_of: Callable[[str, str], Mapping[str, str] | None],
    scores: Sequence[Score] = (),
) -> list[Difference]:
    """Return which stages, parameters, raw files, inputs, code and libraries differ, and how figures and scores moved.

    If only one of the runs has a result of a stage, only its settings are compared, if the other run was built upon an
    earlier result of it. Runs in older logs do not tell that. ``scores`` is the log.
    ``code_of(stage, generation)`` gives the digests of a result's functions, so that changed ones can be named, or
    None where the result is no longer stored.
    """
    scored = [{f"{each.name}, {each.how}": each.figure for each in scores_of(run, scores)} for run in (first, second)]
    found = _differences("stage", *({name: run.stages[name] for name in run.results} for run in (first, second)))
    found = [item for item in found if item.before is None or item.after is None]
    if found:
        first, second = _known_to_both(first, second), _known_to_both(second, first)
    found += _differences("parameter", _settings_known_to_both(first, second), _settings_known_to_both(second, first))
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
    return found + _differences("figure", first.figures, second.figures) + _differences("score", *scored)


def _settings_known_to_both(run: Run, other: Run) -> dict[str, Any]:
    """Return the settings of ``run``, without the stages of which ``other`` has none."""
    stages = {name.partition(".")[0] for name in other.parameters}
    return {name: value for name, value in run.parameters.items() if name.partition(".")[0] in stages}


def _known_to_both(run: Run, other: Run) -> Run:
    """Return ``run`` without the stages that have no result in ``other``."""
    stages = run.results.keys() & other.results.keys()
    return replace(
        run,
        code={name: value for name, value in run.code.items() if name in stages},
        figures={name: value for name, value in run.figures.items() if name.partition(":")[0] in stages},
        # The log does not say to which stages these belong.
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
