"""Independent jobs on a Dask cluster: one that runs elsewhere, or one of this machine's processes for the occasion.

The cluster's scheduler hands out the jobs, and hands out again what a dead worker had; each is done in a fresh
process beside the worker (job.py). Everything that might keep one waiting for ever has a bound. Why not joblib's own
way to Dask: docs/decisions/cluster.md.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError, PipelineError, StageError
from pipeline.fingerprint.digests import file_digest, file_digests
from pipeline.stage import Progress
from pipeline.workers.dask_job import RemoteJob, differing, environment_of, kernels, other_software
from pipeline.workers.local import usable_cores

if TYPE_CHECKING:
    from distributed import Client, Future

SECONDS_TO_CONNECT = 10
SECONDS_TO_REACH = 20  # the scheduler, with starting a process that tries
SECONDS_WITHOUT_WORKERS = 20
SECONDS_FOR_FACTS = 15
SECONDS_FOR_FILES = 600  # to read them all once, on the slowest worker
SECONDS_WITHOUT_ANSWER = 10  # from the scheduler
DEATHS_PER_WORKER = 10  # then whatever is done kills them
TRIES = 3  # of a job whose process is killed

# Whatever listens at the address, this process can be ended, where a client that waits within ours cannot.
REACH = (
    "import os, sys; from distributed import Client; "
    "Client(sys.argv[1], timeout=float(sys.argv[2]), set_as_default=False); os._exit(0)"
)


class ClusterWorkers:
    """Does jobs on a Dask cluster, as ``pipeline.stage.Workers`` has it.

    Parameters
    ----------
    scheduler : ``tcp://host:port``, or None for a cluster of this machine's processes
    """

    def __init__(self, scheduler: str | None, progress: Progress, log: Callable[[str], None]) -> None:
        self._scheduler, self._progress, self._say = scheduler, progress, log

    def run(
        self,
        function: str,
        jobs: Mapping[str, Any],
        *,
        arrays: Mapping[str, Path],
        scratch: Path,  # noqa: ARG002 - other machines do not see it
        cores: int,
        most: int,
    ) -> Generator[tuple[str, Any]]:
        if not jobs:
            return
        with connected(self._scheduler, most or max(1, usable_cores() // cores)) as client:
            environment = environment_of(function)
            files = {name: path.resolve() for name, path in arrays.items()}
            digests = {name: file_digests([path])[path] for name, path in files.items()}
            workers = self._check(client, function, environment)
            contents = self._contents(client, workers, files, digests)
            futures = {
                client.submit(
                    do_on_worker, function, pickle.dumps(job), files, digests, contents, environment, pure=False
                ): name
                for name, job in jobs.items()
            }
            for name, said in collect(client, futures):
                done, value = pickle.loads(said)  # noqa: S301 - from the user's own cluster
                if not done:
                    raise value
                yield name, value
                self._progress(len(jobs) - len(futures), len(jobs), unit="jobs", note="done on the cluster")

    def _check(self, client: Client, function: str, environment: Mapping[str, str]) -> list[str]:
        """See that every worker runs the same software as this machine, and return the workers' addresses."""
        workers = list(client.nthreads(callback_timeout=SECONDS_WITHOUT_ANSWER))
        answers = ask_everyone(client, workers, SECONDS_FOR_FACTS, look_at_software, function)
        for theirs, _ in answers.values():
            if found := differing(theirs, environment):
                raise other_software(found)
        if other := {found for _, found in answers.values()} - {kernels()}:
            self._say(
                f"the cluster's processors take other kernels of the matrix library ({', '.join(sorted(other))} there, "
                f"{kernels()} here): results may differ in their last bits"
            )
        return workers

    def _contents(
        self, client: Client, workers: list[str], files: Mapping[str, Path], digests: Mapping[str, str]
    ) -> dict[str, Any]:
        """Send the files that not every worker sees under the same path to all of them, each once."""
        import numpy as np

        seen = ask_everyone(client, workers, SECONDS_FOR_FILES, look_at_files, files, digests)
        missing = [name for name in files if not all(found[name] for found in seen.values())]
        whole = [np.memmap(files[name], np.uint8, "r") for name in missing]
        return dict(zip(missing, client.scatter(whole, broadcast=True, hash=False), strict=True)) if missing else {}


@contextmanager
def connected(scheduler: str | None, count: int) -> Iterator[Client]:
    """Give a client of a cluster that has a worker; without a scheduler, of ``count`` processes that end with it."""
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ConfigError("--backend dask needs Dask", hint="pip install 'digit-pipeline[dask]'") from error
    if scheduler is not None:
        if not scheduler.strip():
            raise ConfigError("--scheduler is empty", hint="name one: --scheduler tcp://host:8786, or leave it out")
        reach(scheduler)
    bounds = {"distributed.comm.timeouts.connect": f"{SECONDS_TO_CONNECT}s"}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(bounds))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # versions are compared below, and leaving work undone is meant
        try:
            cluster = scheduler or stack.enter_context(
                LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50)
            )
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
    """See, in a process that can be ended, that a Dask scheduler answers at an address."""
    command = [sys.executable, "-c", REACH, scheduler, str(SECONDS_TO_CONNECT)]
    try:
        tried = subprocess.run(  # noqa: S603 - this Python, our own text, and an address as an argument
            command, capture_output=True, text=True, timeout=SECONDS_TO_REACH, check=False
        )
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
    watch = Watch(client)
    while futures:
        for future in [future for future in futures if future.done()]:
            yield futures.pop(future), result_of(future)
        watch.look()
        if deadline is not None and time.monotonic() > deadline:
            raise StageError(
                f"a worker of the cluster did not answer for {seconds} seconds", where=min(futures.values())
            )
        time.sleep(0.05)


def result_of(future: Future[Any]) -> Any:
    """Return what a finished future holds, or say what became of it."""
    if future.status == "finished":
        return future.result()
    if future.status != "error":  # cancelled, lost: nobody here did that
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
    raise StageError(f"the cluster could not do a job: {type(error).__name__}: {error}"[:300]) from error


class Watch:
    """Sees now and then whether anybody is still there to wait for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._workers: set[str] = set()
        self._looked = self._seen = time.monotonic()
        self._most = self._deaths = 0

    def look(self) -> None:
        """Raise StageError if the scheduler is gone, or no worker is left, or all die again and again."""
        now = time.monotonic()
        if now - self._looked < 1:
            return
        self._looked = now
        try:
            workers = set(self._client.nthreads(callback_timeout=SECONDS_WITHOUT_ANSWER))
        except (OSError, TimeoutError) as error:
            raise scheduler_gone() from error
        self._deaths += len(self._workers - workers)
        self._workers, self._most = workers, max(self._most, len(workers))
        if workers:
            self._seen = now
        elif now - self._seen > SECONDS_WITHOUT_WORKERS:
            raise no_worker()
        if self._deaths > DEATHS_PER_WORKER * max(self._most, 1):
            raise StageError("the cluster's workers die one after the other", hint="see their logs")


# what runs in the workers ------------------------------------------------------------------------------


def look_at_software(function: str) -> tuple[dict[str, str], str]:
    """Return this worker's facts and kernels."""
    return environment_of(function), kernels()


def look_at_files(files: Mapping[str, Path], digests: Mapping[str, str]) -> dict[str, bool]:
    """Say of each file whether this worker sees it, with the same content."""
    return {name: is_same(path, digests[name]) for name, path in files.items()}


def is_same(path: Path, expected: str) -> bool:
    """Whether a file is there and has this digest."""
    try:
        found = path.stat()
        return digest_of(path, found.st_size, found.st_mtime_ns) == expected
    except OSError:
        return False


@lru_cache(maxsize=64)
def digest_of(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - what tells one state of the file from another
    """Return the digest of a file's bytes, read once as long as it seems unchanged."""
    return file_digest(path)


def do_on_worker(
    function: str,
    job: bytes,
    files: Mapping[str, Path],
    digests: Mapping[str, str],
    contents: Mapping[str, Any],
    environment: Mapping[str, str],
) -> bytes:
    """Do a job in a fresh process, and return whether it succeeded and with what, pickled."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    local = Path(worker.local_directory)
    arrays = {name: place_of(path, digests[name], contents.get(name), local) for name, path in files.items()}

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    with tempfile.TemporaryDirectory(dir=local) as folder:
        place = Path(folder) / "result"
        order = pickle.dumps((RemoteJob(function, job, arrays, environment), place))
        for _ in range(TRIES):
            code = do_in_process(order, is_wanted)
            if place.exists():
                return place.read_bytes()
            if not is_wanted():
                break
    raise StageError(
        f"a process that did a job on the cluster ended with {code}, {TRIES} times in a row",
        where=worker.address,
        hint="if it was killed, memory ran out as a rule",
    )


def do_in_process(order: bytes, is_wanted: Callable[[], bool]) -> int:
    """Have an order carried out by a process of its own, as long as somebody wants it; return how that ended."""
    with subprocess.Popen([sys.executable, "-m", "pipeline.workers.dask_job"], stdin=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.write(order)
            process.stdin.flush()  # and left open: the process ends with this one
            while process.poll() is None and is_wanted():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.5)
        finally:
            process.kill()
    return process.returncode


def place_of(path: Path, expected: str, content: Any, local: Path) -> Path:
    """Return where a file lies for this worker: where it was, or beside the worker, written once."""
    if is_same(path, expected):
        return path
    here = local / f"pipeline-{expected}.npy"
    if not is_same(here, expected):
        if content is None:
            raise StageError("this worker of the cluster does not see the artifacts, unlike others", where=str(path))
        with tempfile.NamedTemporaryFile(dir=local, delete=False) as file:
            file.write(content.data)
        Path(file.name).replace(here)
    return here
