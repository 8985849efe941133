"""One batch of the independent jobs that several runs need.

A run stops where a stage needs jobs whose results are not there. The jobs of all such runs are done in one batch, so
that they fill a machine or a cluster. Then each run is started again, and is given the results. So every run is
planned, checked and certified as any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError, disk_full, failure
from pipeline.fingerprint.source_import import import_from_source
from pipeline.stage import resolve
from pipeline.task import JobContext, JobsRequest, Progress
from pipeline.workers.backends import Execution, make_workers
from pipeline.workers.dask_job import environment_of, require_same_software

JobKey = tuple[Path, str]  # the scratch folder of the work that a job belongs to, and the job's name there


class JobsPending(BaseException):
    """A stage needs jobs that are not done yet.

    It is not an Exception: nothing has gone wrong, and ``except Exception`` in a stage must not catch it.
    """

    def __init__(self, request: JobsRequest) -> None:
        super().__init__()
        self.request = request


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job on its way to the workers. If they are on other machines, the ``environment`` must be the same there."""

    function: str
    job: Any
    scratch: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of a job: its ``value`` or its ``problem``, and how long it took.

    The problem is a PipelineError, or the OSError of a full disk: the stage that is given it says where it writes.
    """

    value: Any
    problem: Exception | None
    seconds: float


class FinishedJobs:
    """The workers of a run that is given results; raises JobsPending when its stage needs others."""

    def __init__(self, results: Mapping[JobKey, JobResult]) -> None:
        self._results = results

    def run(self, request: JobsRequest) -> Generator[tuple[str, Any]]:
        missing = {}
        for name, job in request.jobs.items():
            result = self._results.get((request.scratch, name))
            if result is None:
                missing[name] = job
            elif result.problem:
                raise result.problem
            else:
                yield name, result.value
        if missing:
            raise JobsPending(replace(request, jobs=missing))


def do_jobs(
    requests: Mapping[int, JobsRequest], execution: Execution, progress: Progress, log: Callable[[str], None]
) -> Generator[tuple[int, JobKey, JobResult]]:
    """Do all jobs of the requests; yield each job's request number, key and result as soon as it is done.

    Requests of the same work have the same jobs, which are done once: two workers would write the same checkpoints.
    Raises PipelineError if the workers themselves fail. Closing the generator ends the jobs that are going on.
    """
    for numbers in grouped(requests):
        first = requests[numbers[0]]
        environment = environment_of(first.function) if execution.is_cluster else {}
        jobs: dict[str, JobRequest] = {}
        keys: dict[str, JobKey] = {}
        owners: dict[JobKey, list[int]] = {}
        for number in numbers:
            scratch = requests[number].scratch
            for name, job in requests[number].jobs.items():
                owners.setdefault((scratch, name), []).append(number)
                own = f"{owners[scratch, name][0]}-{name}"
                jobs[own], keys[own] = JobRequest(first.function, job, scratch, environment), (scratch, name)
        # The parent folder, because each trial's own scratch folder is removed when the trial is done.
        batch = replace(first, function="pipeline.sweep.job_batch:attempt", jobs=jobs, scratch=first.scratch.parent)
        with closing(make_workers(execution, progress, log).run(batch)) as results:
            for own, result in results:
                for number in owners[keys[own]]:
                    yield number, keys[own], result


def grouped(requests: Mapping[int, JobsRequest]) -> list[list[int]]:
    """Group the numbers of the requests that read the same files in the same way: their jobs may go in one call."""
    groups: dict[object, list[int]] = {}
    for number, each in requests.items():
        groups.setdefault((each.function, frozenset(each.arrays.items()), each.cores, each.most), []).append(number)
    return list(groups.values())


def attempt(request: JobRequest, context: JobContext) -> JobResult:
    """Do a job on its worker. A failed job ends no other one; raises StageError if the worker's software differs."""
    if request.environment:
        require_same_software(environment_of(request.function), request.environment)
    import_from_source(request.function)
    own = replace(context, scratch=request.scratch if context.scratch else None)
    clock = time.monotonic()
    value: Any = None
    problem: Exception | None = None
    try:
        value = resolve(request.function)(request.job, own)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this trial's problem
        is_told_by_stage = isinstance(error, PipelineError) or (isinstance(error, OSError) and disk_full(error))
        problem = error if is_told_by_stage else failure(request.function, error)
    return JobResult(value, problem, time.monotonic() - clock)
