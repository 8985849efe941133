"""Jobs of several runs at once: everybody gets their own results, and a failure is nobody else's."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_project import OBJECTIVE, Toy, commands

from pipeline.errors import StageError, StoreError
from pipeline.execution.run_stage import _stage_errors
from pipeline.sweep import results, run_sweep
from pipeline.sweep.job_batch import (
    FinishedJobs,
    JobRequest,
    JobResult,
    JobsPending,
    attempt,
    do_jobs,
    grouped,
)
from pipeline.sweep.run_sweep import SweepRun
from pipeline.sweep.trials import Trial, make_sweep
from pipeline.task import JobContext, JobsRequest, silent_progress
from pipeline.terminal import sweep_view
from pipeline.workers.backends import Execution


def request(toy: Toy, scratch: str, jobs: dict[str, Any], *, most: int = 1, rows: int = 10) -> JobsRequest:
    place = toy.work / f"numbers-{rows}.npy"
    np.save(place, np.arange(rows))
    return JobsRequest(f"{toy.package}.jobs:work", jobs, {"numbers": place}, toy.work / scratch, cores=1, most=most)


def do(requests: dict[int, JobsRequest]) -> dict[tuple[int, Path, str], JobResult]:
    done = do_jobs(requests, Execution(), silent_progress, print)
    return {(number, *key): outcome for number, key, outcome in done}


@pytest.mark.parametrize("most", [1, 2])
def test_each_request_gets_the_results_of_its_own_jobs(toy: Toy, most: int) -> None:
    requests = {
        3: request(toy, "a", {"x": 1, "y": 2}, most=most),
        7: request(toy, "b", {"x": 5}, most=most),
        8: request(toy, "c", {"x": 5}, most=most, rows=3),  # another array
    }
    found = do(requests)
    assert {key: outcome.value[0] for key, outcome in found.items()} == {
        (3, toy.work / "a", "x"): 45,
        (3, toy.work / "a", "y"): 90,
        (7, toy.work / "b", "x"): 225,
        (8, toy.work / "c", "x"): 15,
    }
    assert all(outcome.problem is None and outcome.seconds > 0 for outcome in found.values())


def test_jobs_of_the_same_work_are_done_once_for_all_requests(toy: Toy) -> None:
    """Two at once would write the same checkpoint: the seconds tell that both got the result of one."""
    found = do({1: request(toy, "a", {"x": 1}, most=2), 2: request(toy, "a", {"x": 1}, most=2)})
    first, second = found[1, toy.work / "a", "x"], found[2, toy.work / "a", "x"]
    assert first is second
    assert first.value[0] == 45


def test_jobs_that_read_the_same_files_go_to_the_workers_at_once(toy: Toy) -> None:
    first, second = request(toy, "a", {"x": 1}), request(toy, "b", {"x": 2, "y": 3})
    other_rows, others_too = request(toy, "c", {"x": 1}, rows=3), request(toy, "d", {"x": 1}, most=2)
    assert grouped({1: first, 2: other_rows, 3: second, 4: others_too}) == [[1, 3], [2], [4]]


@pytest.mark.parametrize("most", [1, 2])
def test_a_job_that_fails_ends_no_other(toy: Toy, most: int) -> None:
    jobs = {"x": ("fails", None), "y": ("nonsense",), "z": 2}
    found = {name: outcome for (_, _, name), outcome in do({1: request(toy, "a", jobs, most=most)}).items()}
    assert str(found["x"].problem) == "it was told to fail\n  where: here\n  hint:  do not"
    assert "failed: ValueError: not enough values" in str(found["y"].problem)
    assert found["z"].problem is None
    assert found["z"].value[0] == 90


def test_a_stage_is_given_finished_results_and_asks_for_the_others(toy: Toy) -> None:
    asked = request(toy, "a", {"x": 1, "y": 2, "z": 3})
    given = {
        (asked.scratch, "x"): JobResult("one", None, 1.0),
        (toy.work / "b", "y"): JobResult("another's", None, 1.0),
    }

    def results(jobs: dict[str, Any]) -> Any:
        return FinishedJobs(given).run(replace(asked, jobs=jobs))

    assert dict(results({"x": 1})) == {"x": "one"}
    waiting = results({"x": 1, "y": 2, "z": 3})
    assert next(waiting) == ("x", "one")
    with pytest.raises(JobsPending) as caught:
        next(waiting)
    assert caught.value.request == request(toy, "a", {"y": 2, "z": 3})
    given[asked.scratch, "y"] = JobResult(None, StageError("it diverged", hint=""), 1.0)
    with pytest.raises(StageError, match="it diverged"):
        dict(results({"x": 1, "y": 2, "z": 3}))


def test_a_job_finds_the_checkpoints_of_its_own_work_and_nothing_where_nobody_keeps_them(tmp_path: Path) -> None:
    for scratch, expected in ((tmp_path, tmp_path / "own"), (None, None)):
        place = JobContext({}, scratch, silent_progress, print)
        order = JobRequest(f"{__name__}:scratch_of", None, tmp_path / "own", environment={})
        assert attempt(order, place).value == expected


def test_another_machine_with_other_code_ends_everything(tmp_path: Path) -> None:
    order = JobRequest("pipeline.sweep.job_batch:attempt", None, tmp_path, environment={"numpy": "1.0"})
    with pytest.raises(StageError, match=r"the cluster's workers run other software: numpy .* there, 1\.0 here"):
        attempt(order, JobContext({}, None, silent_progress, print))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "raises failed: memory ran out"),
        (RuntimeError("can't start new thread"), "raises failed: no further thread or process"),
        (OSError(errno.EIO, "Input/output error", "/some/file"), "raises failed: Input/output error"),
    ],
    ids=str,
)
def test_a_job_without_memory_or_disk_fails_as_a_stage_does(error: Exception, told: str) -> None:
    found = attempt(JobRequest(f"{__name__}:raises", error, Path(), {}), JobContext({}, None, silent_progress, print))
    assert type(found.problem) is StageError
    assert told in str(found.problem)
    assert found.problem.hint


@pytest.mark.parametrize(("number", "told"), [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "your share")])
def test_a_full_disk_is_told_by_the_stage_that_asked_for_the_job(toy: Toy, number: int, told: str) -> None:
    """A StoreError ends the sweep: the next trial would fail in the same way."""
    full = JobRequest(f"{__name__}:raises", OSError(number, os.strerror(number)), toy.work, {})
    toy.store.prepare()
    found = attempt(full, JobContext({}, None, silent_progress, print))
    asked = request(toy, "a", {"x": 1})
    given = FinishedJobs({(asked.scratch, "x"): found})
    with (
        pytest.raises(StoreError, match=f"load cannot write its results: {told}") as caught,
        _stage_errors(toy.stages[0], toy.store.begin("load"), toy.store),
    ):
        dict(given.run(asked))
    assert "MB are left" in caught.value.where


def raises(job: Exception, place: JobContext) -> None:  # noqa: ARG001 - what a job takes
    raise job


def scratch_of(job: None, place: JobContext) -> Path | None:  # noqa: ARG001 - what a job takes
    return place.scratch


def trials_of_four_jobs(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[tuple[int, int]], list[results.TrialResult]]:
    """Run two trials whose stage asks for four jobs each; return each run's trial and how many results it was given."""
    numbers = toy.work / "numbers.npy"
    np.save(numbers, np.arange(10))
    runs: list[tuple[int, int]] = []

    def run_trial(_: SweepRun, trial: Trial, number: int, finished: Any, __: object) -> results.TrialResult:
        runs.append((trial.number, len(finished)))
        jobs = {str(fold): trial.number * 10 + fold for fold in range(4)}
        scratch = toy.work / f"trial-{trial.number}"
        asked = JobsRequest(f"{toy.package}.jobs:work", jobs, {"numbers": numbers}, scratch, cores=1, most=1)
        given = FinishedJobs(finished).run(asked)
        return results.TrialResult(trial, number, 1, True, {"total": sum(value for _, (value, *_) in given)})

    monkeypatch.setattr(SweepRun, "run_trial", run_trial)
    project = toy.project()
    load_project = commands(toy)

    def configure(settings: Any) -> Any:
        return load_project(toy.work, None, tuple(f"{name}={value}" for name, value in settings.items())).config

    sweep = make_sweep(project, OBJECTIVE, [{"power.exponent": 1}, {"power.exponent": 3}], configure)
    going = SweepRun(project, sweep, sweep_view.SweepTerminal(quiet=True), wait=True)
    return runs, going.run_rung(sweep.trials, 0)


def test_a_trial_is_run_twice_before_its_jobs_and_once_all_of_them_are_done(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, results = trials_of_four_jobs(toy, monkeypatch)
    assert runs == [(1, 0), (2, 0), (1, 4), (2, 4)]
    assert [result.values["total"] for result in results] == [45 * (10 + 11 + 12 + 13), 45 * (20 + 21 + 22 + 23)]


def test_a_trial_is_run_at_once_to_keep_the_result_of_a_long_job(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_sweep, "SECONDS_WORTH_KEEPING", 0)
    runs, results = trials_of_four_jobs(toy, monkeypatch)
    assert runs == [(1, 0), (2, 0), *((trial, n_done) for trial in (1, 2) for n_done in (1, 2, 3, 4))]
    assert len(results) == 2
