"""Carry out a sweep: every trial by the ordinary engine, and their independent jobs side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pipeline.config import Config
from pipeline.errors import LockError, PipelineError, StoreError, SweepError
from pipeline.execution.run import RunResult, TrialOf, Watcher, run
from pipeline.figures import counted
from pipeline.logs.run_log import read_runs
from pipeline.planning.current_work import current_work, find_sources, source_digests
from pipeline.planning.plan import make_plan
from pipeline.planning.project import Project
from pipeline.planning.reasons import Action
from pipeline.planning.selection import select
from pipeline.planning.snapshot import take_snapshot
from pipeline.planning.staleness import Decision
from pipeline.store.receipt import Receipt, Work
from pipeline.store.trial_store import TrialStore
from pipeline.sweep.job_batch import FinishedJobs, JobKey, JobResult, JobsPending, do_jobs
from pipeline.sweep.results import TrialResult, ranked
from pipeline.sweep.trials import Sweep, Trial, common_stages, stages_to_run
from pipeline.task import JobsRequest

SECONDS_WORTH_KEEPING = 60  # after a job this long its trial runs at once, so that a kill cannot lose the result


class Screen(Protocol):
    """What shows a sweep while it goes on."""

    def watching(self, title: str) -> AbstractContextManager[Watcher]:
        """Watch one run."""

    def notice(self, text: str) -> None:
        """Show what must not be overlooked, once."""

    def finished(self, result: TrialResult, sweep: Sweep) -> None:
        """Show what came of a trial."""


def find_done(project: Project, sweep: Sweep) -> dict[int, bool]:
    """Return, by the number of each trial, whether all of its results with the whole budget are stored."""
    intact: set[Path] = set()
    project = replace(project, closures={})
    return {
        trial.number: find_results(project, sweep, trial.config, intact) is not None
        for trial in sweep.trials
        if trial.config
    }


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """The stored results of a trial whose settings have been run before.

    Attributes
    ----------
    store : the trial's store, in which these results are the current ones
    works : the work of each stage that the trial runs
    last : the receipt of the last of these stages
    """

    store: TrialStore
    works: tuple[Work, ...]
    last: Receipt


def find_results(project: Project, sweep: Sweep, config: Config, intact: set[Path]) -> StoredTrial | None:
    """Return the results of a trial's settings if all of them are stored; nothing is run or written."""
    store = TrialStore(project.store.root, intact)
    selection = select(project.stages, stages_to_run(sweep))
    snapshot = take_snapshot(replace(project, config=config, store=store), selection)
    decisions = [item for item in make_plan(snapshot, selection).decisions if item.stage in selection.stages]
    stored = {item.stage: item.receipt for item in decisions if item.receipt}
    if len(stored) < len(decisions):
        return None
    for item in decisions:
        if item.action is Action.RESTORE:
            store.choose(item.stage, stored[item.stage].generation)
    works = tuple(item.work for item in snapshot if item.stage.name in selection.stages)
    return StoredTrial(store, works, stored[decisions[-1].stage])


def run_sweep(project: Project, sweep: Sweep, screen: Screen, *, wait: bool = True) -> tuple[TrialResult, ...]:
    """Run all trials and return what came of them, the best first; a trial that fails does not end the sweep.

    Raises PipelineError if a stage that all trials share fails, if code or raw files change meanwhile, or if the
    artifacts folder or the workers cannot be used.
    """
    going = SweepRun(project, sweep, screen, wait=wait)
    going.run_common()
    left = [trial for trial in sweep.trials if trial.config]
    results = {
        trial.number: TrialResult(trial, 0, None, is_final=False, values={}, problem=trial.problem)
        for trial in sweep.trials
        if not trial.config
    }
    for number, rung in enumerate(sweep.rungs):
        done = going.run_rung(sorted(left[: rung.n_trials], key=lambda trial: trial.number), number)
        results |= {result.trial.number: result for result in done}
        left = [result.trial for result in ranked(sweep, done) if not result.problem]
    return ranked(sweep, results.values())


class SweepRun:
    """A sweep as it goes on. Every trial must find the code and the raw files with which the sweep began."""

    def __init__(self, project: Project, sweep: Sweep, screen: Screen, *, wait: bool) -> None:
        self.project, self.sweep, self.screen, self.wait = project, sweep, screen, wait
        self.common = common_stages(project, sweep)
        self.first = next(trial.config for trial in sweep.trials if trial.config)
        self.expected: dict[str, Work] = {}
        self.intact: set[Path] = set()  # folders of results that a trial has found intact
        self.looked_up = replace(project, closures={})  # finished trials are found by the code as the sweep began
        self.seconds = {
            generation: logged.seconds
            for logged in read_runs(project.store.root)
            for stage, generation in logged.results.items()
            if logged.stages.get(stage) == "run"
        }
        begun = replace(project, config=self.first)
        selection = select(project.stages, stages_to_run(sweep))
        for stage in project.stages:
            if stage.name in selection.stages:
                sources = source_digests(find_sources(begun, stage)) if stage.name in self.common else {}
                self.expected[stage.name] = replace(current_work(begun, stage), sources=sources)

    def is_expected(self, work: Work) -> bool:
        """Whether a stage's work has the sweep's first code, and its first raw files if all trials share them."""
        before = self.expected[work.stage]
        return work.code == before.code and (work.stage not in self.common or work.sources == before.sources)

    def run_common(self) -> None:
        """Run the stages that all trials share, once; a failure there ends the sweep."""
        if self.common:
            with self.screen.watching("all trials") as watcher:
                found = self._run(
                    TrialStore(self.project.store.root, self.intact),
                    self.first,
                    self.common,
                    TrialOf(self.sweep.id, None, self.is_expected),
                    watcher,
                )
            for notice in found.notices:
                self.screen.notice(notice)

    def run_rung(self, trials: Sequence[Trial], number: int) -> list[TrialResult]:
        """Run trials at rung ``number``, from 0: first each as far as it gets, then all their jobs in one batch.

        A trial goes on once all of its jobs are done. It goes on at once if one has failed, or took so long that its
        result must not be lost.
        """
        done: dict[int, TrialResult] = {}
        requests: dict[int, JobsRequest] = {}
        finished: dict[int, dict[JobKey, JobResult]] = {trial.number: {} for trial in trials}
        by_number = {trial.number: trial for trial in trials}

        def go_on(trial: Trial) -> None:
            requests.pop(trial.number, None)
            try:
                with self.screen.watching(f"trial {trial.number} of {len(self.sweep.trials)}") as watcher:
                    result = self.run_trial(trial, number, finished[trial.number], watcher)
            except JobsPending as pending:
                requests[trial.number] = pending.request
                return
            done[trial.number] = result
            self.screen.finished(result, self.sweep)

        for trial in trials:
            go_on(trial)
        while requests:
            asked = dict(requests)
            n_jobs = sum(len(request.jobs) for request in asked.values())
            with self.screen.watching(counted(len(asked), "trial")) as watcher:
                progress = watcher.started(Decision(counted(n_jobs, "job"), Action.RUN))
                with closing(do_jobs(asked, self.project.execution, progress, watcher.log)) as results:
                    for owner, key, result in results:
                        if owner in done:  # another of its jobs has failed
                            continue
                        finished[owner][key] = result
                        request = asked[owner]
                        is_last = all((request.scratch, name) in finished[owner] for name in request.jobs)
                        if is_last or result.problem or result.seconds >= SECONDS_WORTH_KEEPING:
                            go_on(by_number[owner])
        return list(done.values())

    def run_trial(
        self, trial: Trial, number: int, finished: Mapping[JobKey, JobResult], watcher: Watcher
    ) -> TrialResult:
        """Run one trial with the results of its finished jobs, and read its metrics.

        Raises JobsPending if a stage needs other jobs.
        """
        sweep, rung = self.sweep, self.sweep.rungs[number]
        config = sweep.config(trial, rung)
        budget, is_final = sweep.budget_of(config), rung.divisor == 1
        seconds_of_jobs = sum(result.seconds for result in finished.values())
        about = TrialOf(sweep.id, trial.number, self.is_expected, seconds_of_jobs)
        try:
            stored = None if finished else find_results(self.looked_up, sweep, config, self.intact)
            if stored:
                about.require_expected(stored.works)
                store, seconds, is_new = stored.store, self.seconds.get(stored.last.generation), False
            else:
                store = TrialStore(self.project.store.root, self.intact)
                found = self._run(store, config, stages_to_run(sweep), about, watcher, finished)
                seconds, is_new = self._seconds(found), found.has_run_anything
        except (SweepError, StoreError, LockError):  # the next trial would fail in the same way
            raise
        except PipelineError as error:
            return TrialResult(trial, number, budget, is_final, {}, is_new=True, problem=error.what)
        values, interval = read_metrics(store, sweep)
        return TrialResult(trial, number, budget, is_final, values, interval, seconds, is_new)

    def _run(
        self,
        store: TrialStore,
        config: Config,
        stages: Sequence[str],
        about: TrialOf,
        watcher: Watcher,
        finished: Mapping[JobKey, JobResult] | None = None,
    ) -> RunResult:
        def workers(*_: object) -> FinishedJobs:
            return FinishedJobs(finished or {})

        project = replace(self.project, store=store, config=config, workers=None if finished is None else workers)
        return run(project, select(project.stages, stages), watcher, wait=self.wait, trial=about)

    def _seconds(self, found: RunResult) -> float | None:
        """Return the seconds of the last run that made this result, now or earlier; None if the log has no such run."""
        last = found.stages[-1]
        generation = last.receipt.generation
        if last.action is Action.RUN:
            self.seconds[generation] = found.seconds
        return self.seconds.get(generation)


def read_metrics(store: TrialStore, sweep: Sweep) -> tuple[dict[str, float], tuple[float, float] | None]:
    """Return the metrics by name, and the interval of the one that has it."""
    values: dict[str, float] = {}
    interval = None
    for metric in sweep.metrics:
        path = store.folder(metric.stage) / metric.artifact.partition("/")[2]
        try:
            document = json.loads(path.read_bytes())
        except OSError as error:
            raise StoreError(
                f"a trial's result is gone: {error.strerror}",
                where=str(path),
                hint="the same sweep again makes it anew",
            ) from error
        values[metric.name] = document[metric.name]
        if metric.interval and metric is sweep.interval_metric:
            low, high = document[metric.interval]
            interval = (float(low), float(high))
    return values, interval
