"""The result of a stage that lies in artifacts/ now, for the commands that use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError, StageError
from pipeline.planning.plan import Plan, make_plan
from pipeline.planning.project import Project
from pipeline.planning.reasons import STALE, ReasonKind, reason_of, reasons_text
from pipeline.planning.selection import select
from pipeline.planning.settings_to_keep import settings_to_keep
from pipeline.planning.snapshot import take_snapshot
from pipeline.store.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Current:
    """An intact result: the folder of its files, which never change, and its receipt."""

    stage: str
    folder: Path
    receipt: Receipt


def find_current(project: Project, stage: str) -> Current | None:
    """Return a stage's current result, None if it has none; raises StageError if it is damaged."""
    generation, problems = project.store.observe_current(stage)
    if generation is None:
        return None
    if generation.receipt is None or problems:
        told = reasons_text([reason_of(each) for each in problems])
        raise StageError(
            f"the result of {stage} is damaged: {told.replace(f'{ReasonKind.OUTPUT_DAMAGED.value}: ', '')}",
            where=str(project.store.folder(stage)),
            hint=f"pipeline run {stage}",
        )
    return Current(stage, generation.folder, generation.receipt)


def require_current(project: Project, stage: str) -> Current:
    """Return a stage's current result; raises StageError if there is none, or if it is damaged."""
    current = find_current(project, stage)
    if current is None:
        raise StageError(
            f"{stage} has not been run yet", where=str(project.store.folder(stage)), hint=f"pipeline run {stage}"
        )
    return current


def why_stale(project: Project, stage: str) -> str:
    """Say why a run would change a stage's result; an empty text if it would not."""
    try:
        plan = _plan_of(project, stage)
    except PipelineError as error:
        return f"a run would stop: {error.what}"
    first = next((decision for decision in plan.decisions if decision.action in STALE), None)
    if first is None:
        return ""
    kept = settings_to_keep(plan, project.config.given)
    return f"{first.stage}: {reasons_text(first.reasons)}{f'; {kept}' if kept else ''}"


def is_kept_by_settings(project: Project, stage: str) -> bool:
    """Whether a stage's result is stale only because of settings, so that the settings of its run keep it fresh."""
    return bool(settings_to_keep(_plan_of(project, stage), ()))


def _plan_of(project: Project, stage: str) -> Plan:
    selection = select(project.stages, [stage])
    return make_plan(take_snapshot(project, selection), selection)
