"""Independent jobs on a Dask cluster: one that runs elsewhere, or one within this process.

The cluster's scheduler distributes the jobs, and gives the jobs of a dead worker to others. Each job is done in a fresh
process beside the worker (dask_worker.py, dask_job.py). docs/decisions/cluster.md says why joblib's Dask backend is not
used.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.fingerprint.digest_files import file_digest
from pipeline.task import JobsRequest, Progress
from pipeline.workers.dask_connection import ask_everyone, collect, connected, workers_of
from pipeline.workers.dask_job import environment_of, kernels, require_same_software
from pipeline.workers.dask_worker import do_on_worker, look_at_files, look_at_software
from pipeline.workers.local import usable_cores

if TYPE_CHECKING:
    from distributed import Client

SECONDS_FOR_ENVIRONMENT = 15
SECONDS_FOR_FILES = 600  # to read them all once, on the slowest worker


class ClusterWorkers:
    """Does jobs on a Dask cluster, as ``pipeline.task.Workers`` has it.

    Parameters
    ----------
    scheduler : ``tcp://host:port``, or None for a cluster within this process
    progress : reports how many jobs are done
    log : shows what the person should know about the cluster
    """

    def __init__(self, scheduler: str | None, progress: Progress, log: Callable[[str], None]) -> None:
        self._scheduler, self._progress, self._log = scheduler, progress, log

    def run(self, request: JobsRequest) -> Generator[tuple[str, Any]]:
        function, jobs = request.function, request.jobs
        if not jobs:
            return
        count = request.most or max(1, usable_cores() // request.cores)
        with connected(self._scheduler, count, request.scratch) as client:
            environment = environment_of(function)
            files = {name: path.resolve() for name, path in request.arrays.items()}
            digests = {name: file_digest(path) for name, path in files.items()}
            workers = self._check(client, function, environment)
            contents = self._contents(client, workers, files, digests)
            futures = {
                client.submit(
                    do_on_worker, function, pickle.dumps(job), files, digests, contents, environment, pure=False
                ): name
                for name, job in jobs.items()
            }
            for name, answer in collect(client, futures):
                done, value = pickle.loads(answer)  # noqa: S301 - from the user's own cluster
                if not done:
                    raise value
                yield name, value
                self._progress(len(jobs) - len(futures), len(jobs), unit="jobs", note="done on the cluster")

    def _check(self, client: Client, function: str, environment: Mapping[str, str]) -> list[str]:
        """Check that every worker runs the same software as this machine, and return the workers' addresses."""
        workers = workers_of(client)
        answers = ask_everyone(client, workers, SECONDS_FOR_ENVIRONMENT, look_at_software, function)
        for theirs, _ in answers.values():
            require_same_software(theirs, environment)
        if other := {found for _, found in answers.values()} - {kernels()}:
            self._log(
                f"the cluster's processors take other kernels of the matrix library ({', '.join(sorted(other))} there, "
                f"{kernels()} here): results may differ in their last bits"
            )
        return workers

    def _contents(
        self, client: Client, workers: list[str], files: Mapping[str, Path], digests: Mapping[str, str]
    ) -> dict[str, Any]:
        """Send each file that some worker does not see under the same path to all workers, once."""
        import numpy as np

        seen = ask_everyone(client, workers, SECONDS_FOR_FILES, look_at_files, files, digests)
        missing = [name for name in files if not all(found[name] for found in seen.values())]
        whole = [np.memmap(files[name], np.uint8, "r") for name in missing]
        return dict(zip(missing, client.scatter(whole, broadcast=True, hash=False), strict=True)) if missing else {}
