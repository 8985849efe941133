"""The backends that do independent jobs, by the names that --backend takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError
from pipeline.stage import resolve

if TYPE_CHECKING:
    from pipeline.task import Progress, Workers


@dataclass(frozen=True, slots=True)
class Backend:
    """Where independent jobs are done.

    Attributes
    ----------
    workers : names the class, ``module:Class``, which is imported when it is needed
    summary : completes the sentence "jobs are done ..."
    is_cluster : whether it takes a scheduler's address, and other machines may do the jobs
    """

    workers: str
    summary: str
    is_cluster: bool = False


BACKENDS = {
    "local": Backend("pipeline.workers.local:LocalWorkers", "in processes of this machine"),
    "dask": Backend("pipeline.workers.dask_cluster:ClusterWorkers", "on a Dask cluster", is_cluster=True),
}
DEFAULT = "local"


@dataclass(frozen=True, slots=True)
class Execution:
    """Where jobs are done: the name of a ``backend``, and the address of its ``scheduler`` if it has one.

    Raises ConfigError for an address where there is no cluster, and for an empty one.
    """

    backend: str = DEFAULT
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.scheduler is None:
            return
        if not self.scheduler.strip():
            raise ConfigError("--scheduler is empty", hint="name one: --scheduler tcp://host:8786, or leave it out")
        if not self.is_cluster:
            clusters = " or ".join(name for name, backend in BACKENDS.items() if backend.is_cluster)
            raise ConfigError(
                "--scheduler names a Dask cluster", hint=f"--backend {clusters} --scheduler {self.scheduler}"
            )

    @property
    def is_cluster(self) -> bool:
        """Whether other machines may do the jobs."""
        return BACKENDS[self.backend].is_cluster


def make_workers(execution: Execution, progress: Progress, log: Callable[[str], None]) -> Workers:
    """Return the workers of a backend; each class takes the scheduler, the progress and the log."""
    workers: Workers = resolve(BACKENDS[execution.backend].workers)(execution.scheduler, progress, log)
    return workers
