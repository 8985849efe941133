"""One job in a fresh process beside a Dask worker, which reads from standard input what to do.

A worker of a cluster may have run for weeks and have imported code that has been edited since; a fresh process runs
what stands in the source, and its threads, memory and settings are its own.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import SHOW_WHERE, PipelineError, StageError, failure
from pipeline.fingerprint.code import code_closure
from pipeline.fingerprint.environment import matrix_kernels
from pipeline.fingerprint.source_import import import_from_source
from pipeline.fingerprint.values import digest
from pipeline.stage import resolve
from pipeline.task import JobContext, silent_progress
from pipeline.workers.local import ignore, open_arrays

CODE = "this software's code"
WITHOUT_CLUSTER = "run it without the cluster, and with --debug, to see where"


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """What to do, with which arrays' files, and the ``environment`` of the machine that asks.

    ``job`` is pickled, so that the worker that passes it on need not import what is in it.
    """

    function: str
    job: bytes
    arrays: Mapping[str, Path]
    environment: Mapping[str, str]


def environment_of(function: str) -> dict[str, str]:
    """Return all that a result depends on apart from the job and the arrays: Python, libraries, code."""
    from importlib.metadata import version

    return {
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "numpy": version("numpy"),
        "msgspec": version("msgspec"),
        CODE: digest(code_closure([function]).digests)[:12],
    }


def kernels() -> str:
    """Return the kernels that the matrix library has chosen here."""
    import numpy as np  # noqa: F401 - brings the library with it

    return matrix_kernels()


def require_same_software(theirs: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Raise StageError if a worker's environment, ``theirs``, is not that of the machine that asks."""
    differing = [
        f"{name} {theirs.get(name, 'unknown')} there, {value} here"
        for name, value in ours.items()
        if theirs.get(name) != value
    ]
    if differing:
        raise other_software("; ".join(differing))


def do(remote: RemoteJob) -> Any:
    """Do a job; raises StageError if the software here is not that of the machine that asks."""
    require_same_software(environment_of(remote.function), remote.environment)
    import_from_source(remote.function)
    context = JobContext(open_arrays(remote.arrays), None, silent_progress, ignore)
    return resolve(remote.function)(pickle.loads(remote.job), context)  # noqa: S301 - from the user's own machine


def other_software(found: str) -> StageError:
    """Return the error for a cluster that runs something else than this machine."""
    return StageError(
        f"the cluster's workers run other software: {found}",
        hint="install the same versions on every machine of the cluster, and restart its workers",
    )


def main() -> None:
    """Read a RemoteJob and the path of the result; do the job, and write its result or error there."""
    remote, place = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, through a pipe of our own
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer: tuple[bool, Any] = (True, do(remote))
    except PipelineError as error:
        answer = (False, error)
    except Exception as error:  # noqa: BLE001 - it is sent back, and raised there
        told = failure(f"{remote.function} on the cluster", error)
        told.hint = WITHOUT_CLUSTER if told.hint == SHOW_WHERE else told.hint
        answer = (False, told)
    with Path(place).open("wb") as file:
        pickle.dump(answer, file)
    os._exit(0)  # an ordinary end would wait for the thread that still reads


def _end_with_parent() -> None:
    """End this process when standard input is closed: its parent is gone, and the result has no reader."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
