"""Independent jobs in this process, or side by side in processes of this machine.

A job is a function of its own data and of arrays that are read from files, so its result does not depend on where it
is done. Processes are joblib's; each maps the arrays' files, and none copies them.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pipeline.errors import StageError
from pipeline.files.leftovers import JOBS, temporary_folder
from pipeline.fingerprint.source_import import import_from_source
from pipeline.stage import resolve
from pipeline.task import JobContext, JobsRequest, Progress

PROGRESS, RESULTS = "progress", "results"  # folders of what jobs write
SEMAPHORES = 32  # more than joblib's processes need, however many they are
FROM_TERMINAL = (signal.SIGINT, signal.SIGHUP)
SECONDS_BETWEEN_LOOKS = 0.2  # between checks of the jobs' progress, or of the parent process


class LocalWorkers:
    """Does jobs on this machine, as ``pipeline.task.Workers`` has it."""

    def __init__(self, scheduler: None, progress: Progress, log: Callable[[str], None]) -> None:  # noqa: ARG002 - all backends' workers take these
        self._progress, self._log = progress, log

    def run(self, request: JobsRequest) -> Generator[tuple[str, Any]]:
        jobs = request.jobs
        count = min(request.most or max(1, usable_cores() // request.cores), len(jobs))
        if count > 1 and (why_not := _no_semaphores()):
            self._log(f"the jobs are done one after the other: /dev/shm, which processes share, has no room: {why_not}")
        elif count > 1:
            yield from self._in_processes(request, count)
            return
        opened = open_arrays(request.arrays)
        for number, (name, job) in enumerate(jobs.items()):
            progress = self._progress if len(jobs) == 1 else partial(self._one_of, number, len(jobs))
            yield name, resolve(request.function)(job, JobContext(opened, request.scratch, progress, self._log))

    def _one_of(
        self, number: int, count: int, done: float, total: float, *, unit: str = "rows", note: str = ""
    ) -> None:
        """Report the progress of job ``number``, from 0, of ``count``, done one after the other."""
        note = f"{number} of {count} done; {note}" if note else f"{number} of {count} done"
        self._progress(number * total + done, count * total, unit=unit, note=note)

    def _in_processes(self, request: JobsRequest, count: int) -> Iterator[tuple[str, Any]]:
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        with (
            temporary_folder(request.scratch, JOBS) as folder,
            parallel_config(backend="loky", inner_max_num_threads=1),
        ):
            calls = [
                delayed(_in_another_process)(request.function, name, job, request.arrays, request.scratch, folder)
                for name, job in request.jobs.items()
            ]
            (folder / PROGRESS).mkdir()
            (folder / RESULTS).mkdir()
            with self._watching(folder, len(request.jobs), count), _processes_killed_after():
                with _terminal_signals_blocked():
                    results = Parallel(
                        n_jobs=count,
                        return_as="generator_unordered",
                        batch_size=1,
                        initializer=_begin_process,
                        initargs=(os.getpid(),),
                    )(calls)
                try:
                    for name in results:
                        result = (folder / RESULTS / name).read_bytes()
                        yield name, pickle.loads(result)  # noqa: S301 - from our own process, in a folder of our own
                except TerminatedWorkerError as error:
                    raise StageError(
                        "a process that did a part of the work was killed from outside, or ran out of memory",
                        hint="run again: what was finished is kept; if memory is short, with fewer processes",
                    ) from error
                finally:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # unfinished jobs are ended on purpose
                        results.close()

    @contextmanager
    def _watching(self, folder: Path, count: int, side_by_side: int) -> Iterator[None]:
        """Add up the progress that ``count`` jobs write into files in ``folder``, and report it."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(SECONDS_BETWEEN_LOOKS):
                if added := added_up(folder, count, side_by_side):
                    done, total, unit, note = added
                    self._progress(done, total, unit=unit, note=note)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


def added_up(folder: Path, count: int, side_by_side: int) -> tuple[float, float, str, str] | None:
    """Add up what ``count`` jobs have reported into ``folder``: done, total, unit, and the latest note.

    None until all that run ``side_by_side`` have reported, or ended: what one of them has taken up from an earlier run
    would look like work of the seconds since the others' first report, and the time left far too short.
    """
    paths = sorted((folder / PROGRESS).iterdir(), key=lambda path: path.stat().st_mtime_ns)
    by_job = {path.name: parts for path in paths if len(parts := path.read_text().split("\t")) == 4}
    reports, ended = list(by_job.values()), {path.name for path in (folder / RESULTS).iterdir()}
    if not reports or len(by_job.keys() | ended) < side_by_side:
        return None
    done, total = (sum(float(parts[index]) for parts in reports) for index in (0, 1))
    n_done = sum(parts[0] == parts[1] for parts in reports)
    texts = f"{n_done} of {count} done", reports[-1][3].rstrip()  # padded to a length
    return done, total / len(reports) * count, reports[0][2], "; ".join(text for text in texts if text)


def _no_semaphores() -> str:
    """Say why the semaphores that parallel processes need cannot be made; an empty text if they can.

    The C library keeps them in /dev/shm. A container may lack it, or give it a few kB.
    """
    context = get_context("fork")  # its semaphores lose their names at once; no process is started
    try:
        made = [context.Lock() for _ in range(SEMAPHORES)]
    except (OSError, ImportError) as error:
        return getattr(error, "strerror", None) or str(error)
    del made  # not before all are there: each takes a page
    return ""


def _in_another_process(
    function: str, name: str, job: Any, arrays: Mapping[str, Path], scratch: Path, folder: Path
) -> str:
    """Do a job in a worker process; write its progress and its result into files, and return its name.

    joblib's pipe carries only the name. If a process were killed while it sends a long result, the others would wait
    for the pipe for ever, and the parent for the rest.
    """
    import_from_source(function)

    def progress(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
        os.pwrite(file.fileno(), f"{done}\t{total}\t{unit}\t{note}".ljust(200)[:200].encode(), 0)

    with (folder / PROGRESS / name).open("wb") as file:
        result = resolve(function)(job, JobContext(open_arrays(arrays), scratch, progress, ignore))
    (folder / RESULTS / name).write_bytes(pickle.dumps(result))
    return name


@contextmanager
def _processes_killed_after() -> Iterator[None]:
    """Kill joblib's processes after the block. The next jobs start new ones, which import the code again."""
    from joblib.externals.loky import get_reusable_executor

    try:
        yield
    finally:
        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


@contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    """Block the signals that a terminal sends to all its processes, for the processes that are started in the block.

    This process gets such a signal after the block, and ends the others. Starting a tracker unblocks Ctrl-C, so the two
    trackers are started first.
    """
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, FROM_TERMINAL)
    try:
        _start_trackers()
        signal.pthread_sigmask(signal.SIG_BLOCK, FROM_TERMINAL)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


@cache
def _start_trackers() -> None:
    """Start the two trackers: processes that remove semaphores and temporary files if this one is killed.

    If a tracker is killed, Python and joblib would start another, which prints a traceback for each name that it does
    not know. So this process keeps the tracker's pipe open, and reads it in its place.
    """
    from multiprocessing import resource_tracker as pythons

    from joblib.externals.loky.backend import resource_tracker as lokys

    def read_for_tracker(pid: int, pipe: int) -> None:
        with suppress(ChildProcessError):  # where SIGCHLD is ignored, an ended child cannot be waited for
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        while os.read(pipe, 2**16):
            pass

    for trackers in (pythons, lokys):
        with _no_warnings_of_children():  # they would warn of each file that a killed process has left
            pipe = trackers.getfd()  # starts it
        pid = trackers._resource_tracker._pid  # noqa: SLF001 - no other way to learn it
        if pid is None:  # it is the tracker of the process that started this one
            continue
        with suppress(OSError):  # not on Linux: only there the other end of a pipe can be opened
            ours = os.open(f"/proc/self/fd/{pipe}", os.O_RDONLY | os.O_CLOEXEC)
            threading.Thread(target=read_for_tracker, args=(pid, ours), daemon=True).start()


@contextmanager
def _no_warnings_of_children() -> Iterator[None]:
    """Start Python processes in the block without warnings."""
    earlier = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        yield
    finally:
        del os.environ["PYTHONWARNINGS"]
        if earlier is not None:
            os.environ["PYTHONWARNINGS"] = earlier


def _begin_process(parent: int) -> None:
    """Prepare a process for jobs: it ends when its parent does."""

    def end_with_parent() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    with suppress(RuntimeError):  # no further thread is allowed: the job will say so
        threading.Thread(target=end_with_parent, daemon=True).start()


def ignore(text: str) -> None:
    """Drop a line of the log: lines of several processes would be mixed, and a cluster sends none back."""


def open_arrays(files: Mapping[str, Path]) -> dict[str, Any]:
    """Map the arrays of .npy files into memory, by name."""
    import numpy as np

    return {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in files.items()}


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity and its control group count."""
    with warnings.catch_warnings():  # on import, joblib warns if there is no shared memory: our log says so
        warnings.simplefilter("ignore")
        from joblib import cpu_count

    count: int = cpu_count()
    return count
