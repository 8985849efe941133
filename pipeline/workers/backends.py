"""Which backend does independent jobs."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.stage import Progress, Workers
from pipeline.workers.local import DASK, Execution, LocalWorkers


def make_workers(execution: Execution, progress: Progress, log: Callable[[str], None]) -> Workers:
    """Return whoever does independent jobs."""
    if execution.backend == DASK:
        from pipeline.workers.dask_cluster import ClusterWorkers

        return ClusterWorkers(execution.scheduler, progress, log)
    return LocalWorkers(progress, log)
