"""Independent jobs side by side: in this process, in processes of this machine, or on a Dask cluster.

A job is done by a function of its own data and of arrays that are read from files, so where it is done changes
nothing about its result. Processes are joblib's; each maps the arrays' files, and none copies them.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.errors import ConfigError, StageError
from pipeline.fingerprint.source_import import import_from_source
from pipeline.stage import JobContext, Progress, resolve

LOCAL, DASK = "local", "dask"
SECONDS_BETWEEN_LOOKS = 0.2  # at the progress of other processes


@dataclass(frozen=True, slots=True)
class Execution:
    """Where jobs are done: ``backend`` local or dask, and the address of a Dask ``scheduler``, if there is one."""

    backend: str = LOCAL
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.scheduler is not None and self.backend != DASK:
            raise ConfigError("--scheduler names a Dask cluster", hint=f"--backend dask --scheduler {self.scheduler}")


class LocalWorkers:
    """Does jobs on this machine, as ``pipeline.stage.Workers`` has it."""

    def __init__(self, progress: Progress, log: Callable[[str], None]) -> None:
        self._progress, self._say = progress, log

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
        count = min(most or max(1, usable_cores() // cores), len(jobs))
        if count > 1:
            yield from self._in_processes(function, jobs, arrays, scratch, count)
            return
        opened = open_arrays(arrays)
        for number, (name, job) in enumerate(jobs.items()):
            progress = self._progress if len(jobs) == 1 else partial(self._one_of, number, len(jobs))
            yield name, resolve(function)(job, JobContext(opened, scratch, progress, self._say))

    def _one_of(
        self, number: int, count: int, done: float, total: float, *, unit: str = "rows", note: str = ""
    ) -> None:
        """Report the progress of job ``number``, from 0, of ``count``, done one after the other."""
        note = f"{number} of {count} done; {note}" if note else f"{number} of {count} done"
        self._progress(number * total + done, count * total, unit=unit, note=note)

    def _in_processes(
        self, function: str, jobs: Mapping[str, Any], arrays: Mapping[str, Path], scratch: Path, count: int
    ) -> Iterator[tuple[str, Any]]:
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky import get_reusable_executor
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        with TemporaryDirectory(prefix="pipeline-jobs-") as folder:
            calls = [
                delayed(_in_another_process)(function, name, job, arrays, scratch, Path(folder), os.getpid())
                for name, job in jobs.items()
            ]
            with self._watching(Path(folder), len(jobs)), parallel_config(backend="loky", inner_max_num_threads=1):
                results = Parallel(n_jobs=count, return_as="generator_unordered", batch_size=1)(calls)
                try:
                    yield from results
                except TerminatedWorkerError as error:
                    raise StageError(
                        "a process that did a part of the work was killed from outside, or ran out of memory",
                        hint="run again: what was finished is kept; if memory is short, with fewer processes",
                    ) from error
                finally:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # that unfinished jobs are ended is meant
                        results.close()
                    # at once, whatever they are doing, and so that the next jobs find the code as it is then
                    get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)

    @contextmanager
    def _watching(self, folder: Path, count: int) -> Iterator[None]:
        """Add up what ``count`` processes say of their progress in files in ``folder``, and tell it."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(SECONDS_BETWEEN_LOOKS):
                told = [parts for path in folder.iterdir() if len(parts := path.read_text().split("\t")) == 4]
                if not told:
                    continue
                done, total = (sum(float(parts[index]) for parts in told) for index in (0, 1))
                n_done = sum(parts[0] == parts[1] for parts in told)
                said = f"{n_done} of {count} done", told[-1][3].rstrip()  # padded to a length
                note = "; ".join(text for text in said if text)
                self._progress(done, total / len(told) * count, unit=told[0][2], note=note)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


def _in_another_process(
    function: str, name: str, job: Any, arrays: Mapping[str, Path], scratch: Path, told: Path, parent: int
) -> tuple[str, Any]:
    """Do a job in a process of its own, which says how far it is in a file and ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends the others
    import_from_source(function)

    def progress(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
        if os.getppid() != parent:  # it was killed, and nobody will take the result
            os._exit(1)
        os.pwrite(file.fileno(), f"{done}\t{total}\t{unit}\t{note}".ljust(200)[:200].encode(), 0)

    with (told / name).open("wb") as file:
        return name, resolve(function)(job, JobContext(open_arrays(arrays), scratch, progress, _say_nothing))


def _say_nothing(text: str) -> None:
    """Say nothing: several processes at once would speak in confusion."""


def open_arrays(files: Mapping[str, Path]) -> dict[str, Any]:
    """Map the arrays of .npy files into memory, by the names that they go by."""
    import numpy as np

    return {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in files.items()}


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity and its control group count."""
    from joblib import cpu_count

    count: int = cpu_count()
    return count
