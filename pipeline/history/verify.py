"""Check what lies in artifacts/: every receipt, every byte, every schema; and whether a rerun gives the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from pipeline.config import plain
from pipeline.errors import PipelineError
from pipeline.execution.run import Watcher, run
from pipeline.execution.run_stage import check_file
from pipeline.files.leftovers import VERIFY, system_folder
from pipeline.planning.project import Project
from pipeline.planning.reasons import reasons_text
from pipeline.planning.selection import Selection
from pipeline.planning.staleness import differences
from pipeline.stage import Parameters, Stage
from pipeline.store.receipt import KEY_DIGITS, Receipt
from pipeline.store.store import Store
from pipeline.store.stored_results import Generation

NOT_MADE = "it has not been made"  # the problem of a stage without a result


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one result; ``problem`` is empty where all is well."""

    stage: str
    generation: str
    files: int
    problem: str


def verify(project: Project) -> Iterator[Finding]:
    """Check all results: bytes against receipts everywhere, and the schemas of the current ones."""
    store = project.store
    for stage in project.stages:
        current, damage = store.observe_current(stage.name)
        if current is None:
            yield Finding(stage.name, "current", 0, NOT_MADE)
        else:
            problems = [str(reason) for reason in damage] or list(_schema_problems(stage, current))
            yield _finding(stage.name, "current", current, problems)
        others, damages = store.observe(partial(store.stored, stage.name))
        for item in others:
            if not current or item.folder != current.folder:
                yield _finding(stage.name, item.folder.name, item, map(str, damages[item.folder]))
        parts, damages = store.observe(partial(store.partial_results, stage.name))
        for item in parts:
            name = f"partial result {item.folder.name[:KEY_DIGITS]}"
            yield _finding(stage.name, name, item, map(str, damages[item.folder]))


def _finding(stage: str, name: str, item: Generation, problems: Iterable[str]) -> Finding:
    """Return the finding for one result."""
    return Finding(stage, name, len(item.receipt.outputs) if item.receipt else 0, "; ".join(problems))


def _schema_problems(stage: Stage, item: Generation) -> Iterator[str]:
    written = item.receipt.outputs if item.receipt else {}
    for artifact in stage.outputs:
        try:
            if artifact.file_name in written:
                check_file(artifact, item.folder / artifact.file_name)
        except (PipelineError, FileNotFoundError) as error:
            if item.folder.exists():  # else a newer one is current, and this one was just removed
                yield error.what if isinstance(error, PipelineError) else f"{artifact.path} is gone"


def verify_by_rerun(project: Project, watcher: Watcher) -> Iterator[Finding]:
    """Repeat the current results in a scratch folder, with the settings of their receipts, and compare.

    Stops after the first stage whose result is not identical: the results after it cannot be either.
    """
    made = {stage.name: project.store.current(stage.name) for stage in project.stages}
    receipts = {name: item.receipt for name, item in made.items() if item and item.receipt}
    parameters = dict(project.config.parameters)
    for name, receipt in receipts.items():
        parameters[name] = _as_made(parameters[name], receipt.work.parameters)
    config = replace(project.config, parameters=parameters)
    with system_folder(VERIFY) as folder:
        scratch = replace(project, config=config, store=Store(folder / project.store.root.name))
        for name, receipt in receipts.items():
            result = run(scratch, Selection((name,)), watcher)
            problem = _rerun_problem(receipt, result.stages[-1].receipt)
            yield Finding(name, "rerun", len(receipt.outputs), problem)
            if problem:
                return


def _rerun_problem(first: Receipt, again: Receipt) -> str:
    """Say how a rerun differs from the first run, in its result or its work; an empty text if it does not.

    Files are compared by what they hold, as keys are: another release of Python may pack equal arrays differently.
    """
    before, after = first.outputs, again.outputs
    differing = sorted(
        name
        for name in before.keys() | after.keys()
        if name not in before or name not in after or after[name].content != before[name].content
    )
    if not differing:
        return ""
    if reasons := differences(first.work, again.work):
        return f"stale, so a rerun gives another result: {reasons_text(reasons)}; pipeline run {first.work.stage}"
    kernels = [made.environment.get("kernels", "") for made in (first, again)]
    if all(kernels) and len(set(kernels)) > 1:  # the processor chooses them: products differ in their last bits
        return f"made with other matrix kernels ({kernels[0]}; here {kernels[1]}), so {', '.join(differing)} differs"
    return f"a rerun gives another {', '.join(differing)}"


def _as_made(now: Parameters, made: Mapping[str, Any]) -> Parameters:
    """Return the settings of a receipt, with the present values of those in ``not_in_key``, which no receipt holds.

    Return the settings of ``now`` if those of the receipt, from an earlier version, are not valid any more.
    """
    try:
        return msgspec.convert({**plain(now), **made}, type(now))
    except msgspec.ValidationError:
        return now
