"""Carry out a plan: bring stages up to date one after the other, and certify what they wrote."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from pipeline.config import settings_text
from pipeline.errors import PipelineError, StoreError, SweepError
from pipeline.execution.memory_limit import memory_notices, require_memory
from pipeline.execution.run_stage import StageRun, run_stage
from pipeline.execution.signals import interruptible, uninterrupted
from pipeline.figures import AnyFigure
from pipeline.fingerprint.values import digest
from pipeline.logs.run_log import LOG, Run, append_run, next_id
from pipeline.planning.plan import Plan, decide_next, make_plan
from pipeline.planning.project import Project
from pipeline.planning.reasons import STALE, Action, Reason
from pipeline.planning.selection import Selection, ancestors
from pipeline.planning.snapshot import notices_of, take_snapshot, with_stored
from pipeline.planning.staleness import Decision, StageSnapshot
from pipeline.stage import maker_of
from pipeline.store.lock import writer_lock
from pipeline.store.receipt import Receipt, Work
from pipeline.task import Progress


class Watcher(Protocol):
    """What a run reports its progress to: the terminal, or nothing."""

    def log(self, text: str) -> None:
        """Show one line."""

    def notice(self, text: str) -> None:
        """Show what must not be overlooked."""

    def started(self, decision: Decision) -> Progress:
        """Show that a stage begins, and return where it reports its progress."""

    def finished(self, result: StageResult) -> None:
        """Show what became of a stage."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """What became of one stage: run, restored or fresh."""

    stage: str
    action: Action
    reasons: tuple[Reason, ...]
    seconds: float
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class TrialOf:
    """What a run must know of the sweep that it belongs to.

    ``number`` is the trial's number, or None for work that all trials share. ``is_expected`` says whether work has the
    code and the raw files with which the sweep began: this process has imported that code, and figures of other files
    cannot be compared. ``seconds`` is the time that jobs for the trial took before it was run.
    """

    sweep: str
    number: int | None
    is_expected: Callable[[Work], bool]
    seconds: float = 0.0

    @property
    def data(self) -> dict[str, Any]:
        return {"sweep": self.sweep, **({} if self.number is None else {"number": self.number})}

    def require_expected(self, works: Iterable[Work]) -> None:
        """Raise SweepError for work of other code, or of other files."""
        if not all(self.is_expected(work) for work in works):
            raise SweepError("code or raw files have changed since the sweep began", hint="run the same sweep again")


@dataclass(slots=True)
class RunResult:
    """What became of a run. It is filled as the run goes, so that an interrupted one can be logged too.

    ``built_upon`` holds the settings, by full name, of the results that the run finds and reads. ``preset`` and
    ``changed`` are the settings that tell of the run, as ``Config.effective`` has them.
    """

    started: datetime
    built_upon: Mapping[str, Any]
    preset: str
    changed: Mapping[str, Any]
    outcome: str = "done"
    error: str = ""
    stages: list[StageResult] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def did_something(self) -> bool:
        return any(result.action in STALE for result in self.stages)

    @property
    def has_run_anything(self) -> bool:
        return any(result.action is Action.RUN for result in self.stages)

    @property
    def figures(self) -> dict[str, AnyFigure]:
        """All stages' figures, as ``stage: name``."""
        return {
            f"{result.stage}: {name}": value for result in self.stages for name, value in result.receipt.figures.items()
        }


def run(
    project: Project,
    selection: Selection,
    watcher: Watcher,
    *,
    wait: bool = True,
    trial: TrialOf | None = None,
) -> RunResult:
    """Bring the selected stages up to date; raises PipelineError if anything fails, after logging it.

    A ``trial`` of a sweep that finds all its results there is not logged.
    """
    project.config.require_fitting(selection.stages)
    store = project.store
    store.prepare()
    with interruptible(), writer_lock(store.lock_path, wait=wait, notify=watcher.log):
        store.clean_up()
        snapshot = _checked_snapshot(project, selection, trial)
        plan = make_plan(snapshot, selection)  # refuses what cannot work before anything runs
        if plan.stale:
            LOG.require(store.root)
            if plan.runs:
                require_memory()
            for notice in sorted({*memory_notices(is_run=True), *notices_of(snapshot)}):
                watcher.notice(notice)
        clock = time.monotonic()
        built_upon = _built_upon(project, plan)
        result = RunResult(datetime.now(UTC), built_upon, *project.config.effective(selection.stages, built_upon))
        try:
            _run_stages(project, selection, snapshot, watcher, result)
        except KeyboardInterrupt:
            result.outcome = "interrupted"
            raise
        except Exception as error:
            result.outcome = "failed"
            result.error = error.what if isinstance(error, PipelineError) else f"{type(error).__name__}: {error}"
            raise
        finally:
            if result.outcome != "done" or (result.has_run_anything if trial else result.did_something):
                result.seconds = round(time.monotonic() - clock + (trial.seconds if trial else 0.0), 3)
                try:
                    with uninterrupted():
                        _log(project, result, trial)
                except StoreError:
                    if result.outcome == "done":  # else the first error is the one to show
                        raise
    return result


def _checked_snapshot(project: Project, selection: Selection, trial: TrialOf | None) -> tuple[StageSnapshot, ...]:
    """Take a snapshot, save the parse cache, and check that a trial has the code and files of its sweep."""
    snapshot = take_snapshot(project, selection)
    if project.parse_cache.grown and (kept := project.parse_cache.to_bytes()) != project.store.read_cache():
        project.store.write_cache(kept)
    if trial:
        trial.require_expected(item.work for item in snapshot if item.stage.name in selection.stages)
    return snapshot


def _built_upon(project: Project, plan: Plan) -> dict[str, Any]:
    """Return the settings, by full name, of the results that a run finds and reads, and of what these were made of."""
    works: list[Work] = []
    read: dict[str, str] = {}  # artifact -> content
    for item, decision in reversed(list(zip(plan.snapshot, plan.decisions, strict=True))):
        work = item.work
        if decision.action is Action.LEFT:
            own = {path: content for path, content in read.items() if maker_of(path) == decision.stage}
            made = (project.store.receipt_of(decision.stage, own) or decision.receipt) if own else None
            if made is None:
                continue
            works.append(work := made.work)
        read = {**work.inputs, **read}
    return _settings(reversed(works))


def _run_stages(
    project: Project, selection: Selection, snapshot: tuple[StageSnapshot, ...], watcher: Watcher, result: RunResult
) -> None:
    """Decide on each stage again when its turn comes, because its inputs are known then. Then do it."""
    settings = settings_text(result.preset, result.changed)
    decisions: dict[str, Decision] = {}
    for item in snapshot:
        name = item.stage.name
        item = with_stored(project, item, selection, decisions)  # noqa: PLW2901 - its inputs are known now
        decision = decisions[name] = decide_next(item, selection, decisions)
        if decision.action is Action.LEFT:
            continue
        clock = time.monotonic()
        receipt = decision.receipt
        if receipt is None:  # no finished result fits
            progress = watcher.started(decision)
            stage_run = _stage_run(project, item, decisions, settings, forced=name in selection.forced)
            receipt = run_stage(project, stage_run, progress, watcher.log)
        elif decision.action is Action.RESTORE:
            project.store.switch(name, receipt.generation)
        else:
            project.store.tidy(name, receipt)
        decisions[name] = replace(decision, receipt=receipt)
        done = StageResult(name, decision.action, decision.reasons, time.monotonic() - clock, receipt)
        result.stages.append(done)
        watcher.finished(done)
    result.notices += sorted({receipt.notice for receipt in _roots(project, decisions, decisions) if receipt.notice})


def _stage_run(
    project: Project, item: StageSnapshot, decisions: Mapping[str, Decision], settings: str, *, forced: bool
) -> StageRun:
    """Gather what a stage builds on: the receipts of its inputs, and of the stages that read the raw files."""
    above = {maker_of(path): decisions[maker_of(path)].receipt for path in item.stage.inputs}
    roots = _roots(project, ancestors(item.stage.name, project.stages), decisions)
    return StageRun(
        stage=item.stage,
        work=item.work,
        upstream={maker: receipt for maker, receipt in above.items() if receipt},
        origin=item.origin or ", ".join(receipt.origin for receipt in roots),
        notice=item.notice or " ".join(receipt.notice for receipt in roots if receipt.notice),
        settings=settings,
        forced=forced,
    )


def _roots(project: Project, names: Container[str], decisions: Mapping[str, Decision]) -> list[Receipt]:
    """Return the receipts of those stages that read raw files: they say where the data lies now."""
    found = [decisions[stage.name].receipt for stage in project.stages if stage.sources and stage.name in names]
    return [receipt for receipt in found if receipt is not None]


def _log(project: Project, result: RunResult, trial: TrialOf | None) -> None:
    """Write a run into the log, without settings that have had no effect on it."""
    works = [done.receipt.work for done in result.stages]
    append_run(
        project.store.root,
        Run(
            id=next_id(project.store.root),
            started=result.started.isoformat(timespec="seconds"),
            seconds=result.seconds,
            command=" ".join(["pipeline", *sys.argv[1:]]),
            outcome=result.outcome,
            error=result.error,
            preset=result.preset,
            changed=result.changed,
            stages={done.stage: done.action.name.lower() for done in result.stages},
            figures=result.figures,
            results={done.stage: done.receipt.generation for done in result.stages},
            parameters={**result.built_upon, **_settings(works)},
            sources={name: value for work in works for name, value in work.sources.items()},
            inputs={path: content for work in works for path, content in work.inputs.items()},
            code={work.stage: digest(work.code) for work in works},
            libraries={name: version for work in works for name, version in work.libraries.items()},
            trial=trial.data if trial else {},
            origin=", ".join(sorted({done.receipt.origin for done in result.stages} - {""})),
        ),
    )


def _settings(works: Iterable[Work]) -> dict[str, Any]:
    """Return the settings of works by full name."""
    return {f"{work.stage}.{key}": value for work in works for key, value in work.parameters.items()}
