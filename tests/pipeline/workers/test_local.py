"""Independent jobs in processes of their own: the same results, nothing lost, nobody left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_dask_cluster import PATIENCE
from toy_project import Toy

from pipeline.errors import DataError, StageError
from pipeline.files.leftovers import JOBS, temporary_folder
from pipeline.task import JobsRequest
from pipeline.workers.local import (
    FROM_TERMINAL,
    PROGRESS,
    RESULTS,
    LocalWorkers,
    _begin_process,
    _in_another_process,
    added_up,
)


class Told:
    """Remembers what workers say."""

    def __init__(self) -> None:
        self.progress: list[tuple[float, float, str, str]] = []

    def __call__(self, done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
        self.progress.append((done, total, unit, note))


def run(toy: Toy, jobs: dict[str, Any], *, most: int, told: Told | None = None) -> Any:
    place = toy.work / "numbers.npy"
    np.save(place, np.arange(10))
    return LocalWorkers(None, told or Told(), print).run(
        JobsRequest(f"{toy.package}.jobs:work", jobs, arrays={"numbers": place}, scratch=toy.work, cores=1, most=most)
    )


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or has nothing left to do but to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def end(pids: list[int]) -> None:
    """See all of these processes end; kill those that do not, and fail."""
    deadline = time.monotonic() + PATIENCE
    while (left := [pid for pid in pids if not has_ended(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


@pytest.mark.parametrize("most", [1, 2])
def test_results_do_not_depend_on_where_they_are_made_and_arrays_are_mapped_not_sent(toy: Toy, most: int) -> None:
    results = dict(run(toy, {str(number): number for number in range(5)}, most=most))
    assert {name: value for name, (value, _, _) in results.items()} == {str(number): 45 * number for number in range(5)}
    assert {kind for _, kind, _ in results.values()} == {"memmap"}
    pids = {pid for _, _, pid in results.values()}
    assert (os.getpid() in pids) == (most == 1)
    end([pid for pid in pids if pid != os.getpid()])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.ENOENT], ids=errno.errorcode.get)
def test_without_shared_memory_jobs_are_done_one_after_the_other(
    toy: Toy, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("multiprocessing.synchronize._multiprocessing.SemLock", refuse)
    results = dict(run(toy, {str(job): job for job in range(3)}, most=2))
    assert {name: (value, pid) for name, (value, _, pid) in results.items()} == {
        str(job): (45 * job, os.getpid()) for job in range(3)
    }
    assert f"processes share, has no room: {os.strerror(number)}" in capsys.readouterr().out


def test_joblibs_own_warning_of_missing_shared_memory_is_not_shown() -> None:
    code = """
import os, multiprocessing.synchronize as synchronize
def refuse(*_, **__):
    raise OSError(30, os.strerror(30))
synchronize._multiprocessing.SemLock = refuse
from pipeline.workers.local import usable_cores
assert usable_cores()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_next_jobs_run_the_code_as_it_is_then(toy: Toy) -> None:
    assert dict(run(toy, {"a": 1, "b": 2}, most=2))["b"][0] == 90
    toy.edit("jobs.py", "job * int(array.sum())", "-job")
    assert dict(run(toy, {"a": 1, "b": 2}, most=2))["b"][0] == -2


def test_progress_adds_up_over_all_jobs(toy: Toy) -> None:
    told = Told()
    list(run(toy, {"a": 1, "b": 2}, most=1, told=told))
    assert [(done, total) for done, total, _, _ in told.progress] == [(done + 1, 8) for done in range(8)]
    assert told.progress[-1] == (8, 8, "steps", "1 of 2 done; at 3")


def test_of_jobs_side_by_side_the_note_is_that_of_the_latest_report(tmp_path: Path) -> None:
    (tmp_path / RESULTS).mkdir()
    (place := tmp_path / PROGRESS).mkdir()
    assert added_up(tmp_path, 4, 2) is None
    reports = {"b": "4\t4\tsteps\tat 4", "c": "3\t4\tsteps\tat 3  ", "a": ""}
    for at, (name, report) in enumerate(reports.items()):
        (place / name).write_text(report)
        os.utime(place / name, ns=(at, at))
    assert added_up(tmp_path, 4, 2) == (7, 16, "steps", "1 of 4 done; at 3")
    os.utime(place / "b", ns=(9, 9))
    assert added_up(tmp_path, 4, 2) == (7, 16, "steps", "1 of 4 done; at 4")


def test_jobs_side_by_side_are_not_added_up_before_each_has_said_where_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / RESULTS).mkdir()
    (tmp_path / PROGRESS).mkdir()
    (tmp_path / PROGRESS / "a").write_text("1\t9\tsteps\t")
    (tmp_path / PROGRESS / "b").touch()
    assert added_up(tmp_path, 2, 2) is None
    (tmp_path / RESULTS / "a").touch()  # one that has reported and ended does not count twice
    assert added_up(tmp_path, 2, 2) is None
    (tmp_path / RESULTS / "b").touch()  # it had nothing left to do, and so nothing to report
    assert added_up(tmp_path, 2, 2) == (1, 18, "steps", "0 of 2 done")
    (tmp_path / RESULTS / "b").unlink()
    (tmp_path / PROGRESS / "b").write_text("8\t9\tsteps\t")
    assert added_up(tmp_path, 2, 2) == (9, 18, "steps", "0 of 2 done")


def test_an_error_in_another_process_is_the_same_error_here(toy: Toy) -> None:
    with pytest.raises(DataError, match="it was told to fail") as caught:
        list(run(toy, {"a": ("fails", None), "b": 2}, most=2))
    assert (caught.value.where, caught.value.hint) == ("here", "do not")


def test_a_process_that_dies_is_told_of_and_what_was_finished_is_not_lost(toy: Toy) -> None:
    taken = toy.work / "taken"
    results = run(toy, {"a": 1, "b": ("dies", taken)}, most=2)
    assert next(results)[0] == "a"
    taken.touch()
    with pytest.raises(StageError, match="killed from outside, or ran out of memory") as caught:
        next(results)
    assert "what was finished is kept" in caught.value.hint


def test_whoever_takes_no_more_results_leaves_no_process_behind(toy: Toy) -> None:
    waiting = toy.work / "waiting"
    waiting.mkdir()
    told = Told()
    results = run(toy, {"a": 1, "b": ("waits", waiting), "c": ("waits", waiting)}, most=2, told=told)
    next(results)
    while len(list(waiting.iterdir())) < 2 or not told.progress:
        time.sleep(0.01)
    results.close()
    assert told.progress[-1][3] in {"0 of 3 done", "0 of 3 done; at 3", "1 of 3 done", "1 of 3 done; at 3"}
    end([int(path.name) for path in waiting.iterdir()])


DRIVER = """
import sys
from pathlib import Path

sys.path[:0] = [{code!r}]
from pipeline.execution.signals import interruptible
from pipeline.task import JobsRequest
from pipeline.workers.backends import Execution, make_workers

workers = make_workers(Execution({backend!r}), lambda *_, **__: None, print)
jobs = {{job: (job, Path({waiting!r})) for job in ("waits", "sleeps")}}  # one reports its progress, one is deaf
arrays = {{"numbers": Path({numbers!r})}}
try:
    with interruptible():
        list(workers.run(JobsRequest({function!r}, jobs, arrays=arrays, scratch=Path({scratch!r}), cores=1, most=2)))
except KeyboardInterrupt:
    sys.exit(130)
"""


def left_of(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, sid = path.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(sid) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("backend", ["local", pytest.param("dask", marks=pytest.mark.dask)])
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name
)
def test_an_interrupted_or_killed_run_takes_its_processes_along(toy: Toy, number: signal.Signals, backend: str) -> None:
    if backend == "dask":
        pytest.importorskip("distributed", reason="Dask is an extra: pip install -e '.[dev]'")
    waiting = toy.work / "waiting"
    waiting.mkdir()
    (toy.work / "scratch").mkdir()
    np.save(toy.work / "numbers.npy", np.arange(10))
    driver = DRIVER.format(
        backend=backend,
        code=str(toy.code),
        waiting=str(waiting),
        numbers=str(toy.work / "numbers.npy"),
        function=f"{toy.package}.jobs:work",
        scratch=str(toy.work / "scratch"),
    )
    environment = {**os.environ, "PYTHONPATH": str(toy.code)}
    command = [sys.executable, "-c", driver]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, env=environment) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while len(list(waiting.iterdir())) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
            pids = [int(path.name) for path in waiting.iterdir()]
            assert len(pids) == 2
            if number is signal.SIGINT:
                os.killpg(process.pid, number)  # Ctrl-C reaches every process of a terminal
            else:
                process.send_signal(number)
            process.wait(timeout=PATIENCE)
        finally:
            process.kill()
        end(pids)
        end(left_of(process.pid))
        assert process.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 130)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert number is signal.SIGKILL or list((toy.work / "scratch").iterdir()) == []


def refused_signals(pid: int) -> set[signal.Signals]:
    """The signals of a terminal that a process blocks or ignores."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    mask = int(status["SigBlk"], 16) | int(status["SigIgn"], 16)
    return {number for number in FROM_TERMINAL if mask >> (number - 1) & 1}


def children_of_this() -> dict[int, bytes]:
    """The command lines of this process's children, by their numbers."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to tell what a process refuses")
def test_what_a_terminal_sends_to_all_reaches_no_process_but_the_first(toy: Toy) -> None:
    """Neither as they start, nor those that joblib keeps beside: their tracebacks would be shown first."""
    waiting = toy.work / "waiting"
    waiting.mkdir()
    before, started_before = refused_signals(os.getpid()), children_of_this()
    with closing(run(toy, {"a": 1, "b": ("waits", waiting), "c": ("waits", waiting)}, most=2)) as results:
        next(results)
        assert refused_signals(os.getpid()) == before
        # Before may have been started what other tests share, as a browser, and joblib's tracker.
        ours = [pid for pid, words in children_of_this().items() if pid not in started_before or b"joblib" in words]
        assert len(ours) >= 3
        assert all(refused_signals(pid) == set(FROM_TERMINAL) for pid in ours)


def test_what_a_killed_call_left_is_removed_by_the_next(toy: Toy) -> None:
    left = toy.work / f"{JOBS}{'0' * 32}" / "b"
    left.parent.mkdir()
    left.write_text("9\t9\trows\tof a killed process")
    told = Told()
    list(run(toy, {"a": 1, "b": 2}, most=2, told=told))
    assert not left.parent.exists()
    assert all("killed" not in note for *_, note in told.progress)


def test_another_call_in_the_same_folder_does_not_disturb_the_first(toy: Toy) -> None:
    """Two sweeps that differ may go on at the same time."""
    waiting = toy.work / "waiting"
    waiting.mkdir()
    told = Told()
    results = run(toy, {"a": 1, "b": ("waits", waiting), "c": 3}, most=2, told=told)
    next(results)
    with temporary_folder(toy.work, JOBS) as other:  # the other's; it has removed what nobody uses
        assert len(list(toy.work.glob(f"{JOBS}*"))) == 2
    assert not other.exists()
    told.progress.clear()
    while not told.progress:
        time.sleep(0.01)
    results.close()
    assert not list(toy.work.glob(f"{JOBS}*"))


TRACKERS_KILLED = """
import os, signal, sys
from pathlib import Path

sys.path[:0] = [{code!r}]
from multiprocessing import resource_tracker as pythons
from joblib.externals.loky.backend import resource_tracker as lokys
from pipeline.task import JobsRequest
from pipeline.workers.local import LocalWorkers

arrays, function = {{"numbers": Path({numbers!r})}}, {function!r}
for killed in ((pythons, lokys), ()):
    jobs = {{"a": 1, "b": 2, "c": 3}}
    request = JobsRequest(function, jobs, arrays=arrays, scratch=Path({scratch!r}), cores=1, most=2)
    results = LocalWorkers(None, lambda *_, **__: None, print).run(request)
    found = dict([next(results)])
    for trackers in killed:
        os.kill(trackers._resource_tracker._pid, signal.SIGKILL)
    found.update(results)
    assert {{name: value for name, (value, *_) in found.items()}} == {{"a": 45, "b": 90, "c": 135}}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there a pipe can be held open")
def test_a_killed_tracker_of_semaphores_changes_nothing_and_shows_nothing(toy: Toy) -> None:
    """Another one would complain of each name that was told to the first."""
    np.save(toy.work / "numbers.npy", np.arange(10))
    driver = TRACKERS_KILLED.format(
        code=str(toy.code),
        numbers=str(toy.work / "numbers.npy"),
        function=f"{toy.package}.jobs:work",
        scratch=str(toy.work),
    )
    environment = {**os.environ, "PYTHONPATH": str(toy.code)}
    done = subprocess.run(
        [sys.executable, "-c", driver], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_process_that_may_start_no_thread_does_its_job_or_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first thread looks after its parent; joblib shows a traceback of what fails there."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    _begin_process(os.getpid())


def test_what_is_sent_through_a_pipe_is_short_however_long_the_result(toy: Toy) -> None:
    """A process that is killed in the middle of a long one would leave all others waiting."""
    toy.edit("jobs.py", "return job * int(array.sum()), type(array).__name__, os.getpid()", "return b'x' * 10**6")
    place = toy.work / "numbers.npy"
    np.save(place, np.arange(10))
    for folder in (PROGRESS, RESULTS):
        (toy.work / folder).mkdir()
    sent = _in_another_process(f"{toy.package}.jobs:work", "a", 1, {"numbers": place}, toy.work, toy.work)
    assert sent == "a"
    assert {name: len(result) for name, result in run(toy, {"a": 1, "b": 2}, most=2)} == {"a": 10**6, "b": 10**6}
