"""The independent jobs of several runs, done side by side by whoever does jobs.

A run whose stage asks for jobs is put off there. When its jobs are done, it is run again and finds their results
given. So runs that each have little to do at the same time fill a machine or a cluster together, and each is still
planned, checked and certified as any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError, StageError
from pipeline.fingerprint.source_import import import_from_source
from pipeline.stage import JobContext, Progress, resolve
from pipeline.workers.backends import Execution, make_workers
from pipeline.workers.dask_job import differing, environment_of, other_software

JobKey = tuple[Path, str]  # the scratch folder of the work that a job belongs to, and the job's name there


@dataclass(frozen=True, slots=True)
class Request:
    """What a stage asked of its workers: see ``pipeline.stage.Workers``."""

    function: str
    jobs: Mapping[str, Any]
    arrays: Mapping[str, Path]
    scratch: Path
    cores: int
    most: int

    def can_join(self, other: Request) -> bool:
        """Whether jobs of both may go to the workers at once: they read the same files in the same way."""
        return replace(self, jobs={}, scratch=other.scratch) == replace(other, jobs={})


class JobsPending(BaseException):
    """A stage asks for jobs that are yet to be done; no Exception, for nothing has gone wrong."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job on its way to the workers. ``facts`` are what must be the same there, where that is another machine."""

    function: str
    job: Any
    scratch: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: its result, or what went wrong, which concerns nobody else's job."""

    result: Any
    problem: PipelineError | None
    seconds: float


class GivenWorkers:
    """Gives a stage the results that are there, and puts it off when it needs others."""

    def __init__(self, given: Mapping[JobKey, Outcome]) -> None:
        self._given = given

    def run(
        self,
        function: str,
        jobs: Mapping[str, Any],
        *,
        arrays: Mapping[str, Path],
        scratch: Path,
        cores: int,
        most: int,
    ) -> Generator[tuple[str, Any]]:
        missing = {}
        for name, job in jobs.items():
            outcome = self._given.get((scratch, name))
            if outcome is None:
                missing[name] = job
            elif outcome.problem:
                raise outcome.problem
            else:
                yield name, outcome.result
        if missing:
            raise JobsPending(Request(function, missing, arrays, scratch, cores, most))


def do_jobs(
    requests: Mapping[int, Request], execution: Execution, progress: Progress, log: Callable[[str], None]
) -> Generator[tuple[int, JobKey, Outcome]]:
    """Do all jobs of the requests, and yield as they come whose they are, which, and what became of them.

    Raises PipelineError if the workers themselves fail. Close it to end what is going on.
    """
    for numbers in joined(requests):
        jobs: dict[str, JobRequest] = {}
        owners: dict[str, tuple[int, JobKey]] = {}
        for number in numbers:
            request = requests[number]
            environment = environment_of(request.function) if execution.is_cluster else {}
            for name, job in request.jobs.items():
                key = f"{number}-{name}"
                jobs[key] = JobRequest(request.function, job, request.scratch, environment)
                owners[key] = number, (request.scratch, name)
        results = make_workers(execution, progress, log).run(
            "pipeline.sweep.job_batch:attempt",
            jobs,
            arrays=request.arrays,
            scratch=request.scratch,
            cores=request.cores,
            most=request.most,
        )
        with closing(results):
            for key, outcome in results:
                yield *owners[key], outcome


def joined(requests: Mapping[int, Request]) -> list[list[int]]:
    """Put the numbers of those requests together whose jobs may go to the workers at once."""
    groups: list[list[int]] = []
    for number, request in requests.items():
        group = next((group for group in groups if request.can_join(requests[group[0]])), None)
        if group is None:
            groups.append([number])
        else:
            group.append(number)
    return groups


def attempt(order: JobRequest, place: JobContext) -> Outcome:
    """Do a job where it was sent; its failure is its own and ends no other job."""
    if order.environment and (found := differing(environment_of(order.function), order.environment)):
        raise other_software(found)
    import_from_source(order.function)
    own = replace(place, scratch=order.scratch if place.scratch else None)
    clock = time.monotonic()
    result, problem = None, None
    try:
        result = resolve(order.function)(order.job, own)
    except PipelineError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told of as this trial's
        problem = StageError(f"{order.function} failed: {type(error).__name__}: {error}")
    return Outcome(result, problem, time.monotonic() - clock)
