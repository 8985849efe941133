"""A Dask cluster within this process. It opens no port, so no other process can reach it.

Its workers are threads. Each job is done in a process of its own anyway (dask_job.py).
"""

from __future__ import annotations

from typing import Any

from distributed import Scheduler, SpecCluster, Worker

IN_PROCESS = "inproc://"


class NoWebPage:
    """Leaves out the web server that a scheduler and its workers start, on all interfaces and without a password."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Start nothing."""


class ClosedScheduler(NoWebPage, Scheduler):  # type: ignore[misc]  # distributed is not typed here
    """A scheduler that listens to this process alone."""


class ClosedWorker(NoWebPage, Worker):  # type: ignore[misc]  # distributed is not typed here
    """A worker that listens to this process alone."""


def own_cluster(count: int) -> SpecCluster:
    """Start a cluster of ``count`` workers, which keep their files where Dask is told to; use it as a context."""
    worker = {"cls": ClosedWorker, "options": {"protocol": IN_PROCESS, "nthreads": 1, "memory_limit": 0}}
    return SpecCluster(
        scheduler={"cls": ClosedScheduler, "options": {"protocol": IN_PROCESS, "dashboard": False}},
        workers=dict.fromkeys(range(count), worker),
        silence_logs=50,
    )
