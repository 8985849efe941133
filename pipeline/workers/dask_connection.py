"""The connection to a Dask cluster, and what is done when its workers or its scheduler die.

Everything that might wait for ever has a time limit.
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.child_process import run_child
from pipeline.errors import ConfigError, PipelineError, StageError, pip_install
from pipeline.files.leftovers import JOBS, temporary_folder
from pipeline.workers.dask_job import WITHOUT_CLUSTER, other_software

if TYPE_CHECKING:
    from distributed import Client, Future

SECONDS_TO_CONNECT = 10
SECONDS_TO_REACH = 20  # the scheduler, including the start of the process that tries
SECONDS_WITHOUT_WORKERS = 20
SECONDS_WITHOUT_ANSWER = 10  # from the scheduler
DEATHS_PER_WORKER = 10  # more than these mean that the jobs kill the workers

REACH = (
    "import os, sys; from distributed import Client; "
    "Client(sys.argv[1], timeout=float(sys.argv[2]), set_as_default=False); os._exit(0)"
)


@contextmanager
def connected(scheduler: str | None, count: int, folder: Path) -> Iterator[Client]:
    """Give a client of a cluster that has a worker.

    Without a scheduler the cluster is one within this process: ``count`` workers that keep their files below
    ``folder``. Raises ConfigError if Dask is not installed, StageError if there is no cluster.
    """
    try:
        import dask
        from distributed import Client

        from pipeline.workers.dask_in_process import own_cluster
    except ImportError as error:
        raise ConfigError("--backend dask needs Dask", hint=pip_install("distributed")) from error
    if scheduler is not None:
        reach(scheduler)
    bounds = {"distributed.comm.timeouts.connect": f"{SECONDS_TO_CONNECT}s"}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(bounds))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # versions are compared below, and unfinished jobs are left on purpose
        if scheduler is None:
            # Dask keeps files there, and imports modules from there: in /tmp that would be open to other users.
            place = stack.enter_context(temporary_folder(folder, JOBS))
            stack.enter_context(dask.config.set({"temporary-directory": str(place)}))
        try:
            cluster = scheduler or stack.enter_context(own_cluster(count))
            client = stack.enter_context(Client(cluster, timeout=SECONDS_TO_CONNECT, set_as_default=False))
        except (OSError, TimeoutError, ValueError, TypeError, ImportError) as error:
            raise no_scheduler(scheduler, f"{type(error).__name__}: {error}") from error
        try:
            client.wait_for_workers(1, timeout=SECONDS_WITHOUT_WORKERS)
        except TimeoutError as error:
            raise no_worker(scheduler) from error
        except OSError as error:
            raise scheduler_gone() from error
        yield client


def reach(scheduler: str) -> None:
    """Check that a Dask scheduler answers at an address; raises StageError if none does.

    A separate process tries, because it can be killed. A client that waits within this process cannot be stopped.
    """
    command = [sys.executable, "-P", "-c", REACH, scheduler, str(SECONDS_TO_CONNECT)]
    try:
        tried = run_child(command, seconds=SECONDS_TO_REACH)
    except subprocess.TimeoutExpired as error:
        raise no_scheduler(scheduler, f"what listens there does not answer for {SECONDS_TO_REACH} seconds") from error
    if tried.returncode:
        raise no_scheduler(scheduler, (tried.stderr.strip().splitlines() or ["it cannot be reached"])[-1])


def no_scheduler(scheduler: str | None, why: str) -> StageError:
    """Return the error for a cluster that cannot be connected to."""
    what = f"there is no Dask scheduler at {scheduler}" if scheduler else "no Dask cluster can be started here"
    return StageError(
        f"{what}: {why}"[:300],
        hint="start one with `dask scheduler`, and name it as it does itself: --scheduler tcp://host:8786",
    )


def no_worker(scheduler: str | None = None) -> StageError:
    """Return the error for a cluster without workers."""
    return StageError(
        f"the cluster has no worker, and had none for {SECONDS_WITHOUT_WORKERS} seconds",
        hint=f"start some with `dask worker {scheduler or 'tcp://host:8786'}`; what was finished is kept",
    )


def scheduler_gone() -> StageError:
    """Return the error for a scheduler that no longer answers."""
    return StageError(
        "the Dask scheduler went away", hint="start it and its workers, and run again: what was finished is kept"
    )


def workers_of(client: Client) -> list[str]:
    """Return the addresses of a cluster's workers; raises StageError if the scheduler does not answer."""
    try:
        return list(client.nthreads(callback_timeout=SECONDS_WITHOUT_ANSWER))
    except (OSError, TimeoutError) as error:
        raise scheduler_gone() from error


def ask_everyone(
    client: Client, workers: list[str], seconds: float, question: Callable[..., Any], *arguments: Any
) -> dict[str, Any]:
    """Call a function on every worker; raises StageError if one has no answer in time."""
    futures = {
        client.submit(question, *arguments, workers=[worker], pure=False, priority=10): worker for worker in workers
    }
    return dict(collect(client, futures, seconds))


def collect(client: Client, futures: dict[Future[Any], str], seconds: float | None = None) -> Iterator[tuple[str, Any]]:
    """Take each future out of ``futures`` as it is done, and yield its name and result."""
    deadline = None if seconds is None else time.monotonic() + seconds
    health = ClusterHealth(client)
    while futures:
        for future in [future for future in futures if future.done()]:
            yield futures.pop(future), result_of(future)
        health.check()
        if deadline is not None and time.monotonic() > deadline:
            raise StageError(
                f"a worker of the cluster did not answer for {seconds} seconds",
                where=min(futures.values()),
                hint="see its log, restart it, and run again: what was finished is kept",
            )
        time.sleep(0.05)


def result_of(future: Future[Any]) -> Any:
    """Return the result of a finished future, or raise the error that ended it."""
    if future.status == "finished":
        return future.result()
    if future.status != "error":  # cancelled or lost, and not by this process
        raise scheduler_gone()
    error = future.exception()
    if isinstance(error, PipelineError):
        raise error
    if type(error).__name__ == "KilledWorker":
        raise StageError(
            "a job was given to several workers of the cluster, and each of them died of it",
            hint="see the workers' logs; as a rule memory ran out. What was finished is kept",
        ) from error
    if isinstance(error, ImportError | AttributeError):
        raise other_software(f"{type(error).__name__}: {error}") from error
    what = f"the cluster could not do a job: {type(error).__name__}: {error}"[:300]
    raise StageError(what, hint=WITHOUT_CLUSTER) from error


class ClusterHealth:
    """Checks once a second that the scheduler and its workers are still there."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._workers: set[str] = set()
        self._looked = self._seen = time.monotonic()
        self._most = self._deaths = 0

    def check(self) -> None:
        """Raise StageError if the scheduler is gone, or no worker is left, or all die again and again."""
        now = time.monotonic()
        if now - self._looked < 1:
            return
        self._looked = now
        workers = set(workers_of(self._client))
        self._deaths += len(self._workers - workers)
        self._workers, self._most = workers, max(self._most, len(workers))
        if workers:
            self._seen = now
        elif now - self._seen > SECONDS_WITHOUT_WORKERS:
            raise no_worker()
        if self._deaths > DEATHS_PER_WORKER * max(self._most, 1):
            raise StageError("the cluster's workers die one after the other", hint="see their logs")
