"""What runs in the workers of a Dask cluster: looking at software and files, and starting a process for each job."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import StageError
from pipeline.fingerprint.digest_files import file_digest
from pipeline.workers.dask_job import RemoteJob, environment_of, kernels

TRIES = 3  # of a job whose process is killed


def look_at_software(function: str) -> tuple[dict[str, str], str]:
    """Return this worker's environment, and the kernels of its matrix library."""
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
def digest_of(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - a changed file has other ones
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
        remote_job = pickle.dumps((RemoteJob(function, job, arrays, environment), place))
        for _ in range(TRIES):
            code = do_in_process(remote_job, is_wanted)
            if place.exists():
                return place.read_bytes()
            if not is_wanted():
                break
    raise StageError(
        f"a process that did a job on the cluster ended with {code}, {TRIES} times in a row",
        where=worker.address,
        hint="if it was killed, memory ran out as a rule",
    )


def do_in_process(remote_job: bytes, is_wanted: Callable[[], bool]) -> int:
    """Do a pickled job in a process of its own, as long as its result is wanted; return the exit code."""
    command = [sys.executable, "-P", "-m", "pipeline.workers.dask_job"]  # -P: import nothing from the worker's folder
    with subprocess.Popen(  # noqa: S603 - this Python and our own module
        command,
        stdin=subprocess.PIPE,
        process_group=0,  # Ctrl-C is for the process that asked, and not for each job's process
    ) as process:
        try:
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.write(remote_job)
            process.stdin.flush()  # and left open: the process ends with this one
            while process.poll() is None and is_wanted():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.5)
        finally:
            process.kill()
    return process.returncode


def place_of(path: Path, expected: str, content: Any, local: Path) -> Path:
    """Return the path where this worker reads a file: its own path, or that of a copy in the worker's folder."""
    if is_same(path, expected):
        return path
    here = local / f"pipeline-{expected}.npy"
    if not is_same(here, expected):
        if content is None:
            raise StageError(
                "this worker of the cluster does not see the artifacts, unlike others",
                where=str(path),
                hint="let all workers see that folder under this path, or none of them",
            )
        with tempfile.NamedTemporaryFile(dir=local, delete=False) as file:
            file.write(content.data)
        Path(file.name).replace(here)
    return here
