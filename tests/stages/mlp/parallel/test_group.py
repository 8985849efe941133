"""Workers that share a step, as threads and as processes: all wait for all, and an error in one ends all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from stages.mlp.arrays import CACHE_LINE, shared_zeros
from stages.mlp.parallel import blas_threads
from stages.mlp.parallel.group import BUFFER_VALUES, part_of
from stages.mlp.parallel.make_group import make_group
from stages.mlp.parallel.processes import Child, Processes
from stages.mlp.parallel.replica import share_of

ON_LINUX = sys.platform == "linux"
KINDS = [
    "threads",
    pytest.param("processes", marks=pytest.mark.skipif(not ON_LINUX, reason="processes are for Linux")),
]
processes_only = pytest.mark.skipif(not ON_LINUX, reason="processes are for Linux")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_nobody_passes_the_barrier_before_all_have_arrived(kind: str, count: int) -> None:
    arrived = shared_zeros((200, count), bool)
    too_early = shared_zeros(count, np.int64)
    group = make_group(count, kind)

    def work(index: int) -> None:
        for turn in arrived:
            turn[index] = True
            group.wait(index)
            too_early[index] += not turn.all()
            group.wait(index)

    group.run(work)
    assert arrived.all()
    assert not too_early.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failing", [0, 1, 3])
def test_an_error_in_one_worker_ends_all_workers_and_is_raised(kind: str, failing: int) -> None:
    others = children()
    group = make_group(4, kind)

    def work(index: int) -> None:
        for turn in range(10):
            if (index, turn) == (failing, 5):
                raise KeyboardInterrupt("stop")
            group.wait(index)

    with pytest.raises(KeyboardInterrupt, match="stop"):
        group.run(work)
    assert children() == others


def children() -> set[str]:
    """The process numbers of this process's children, those included that have ended and were not asked for."""
    while True:
        try:
            lists = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread of an earlier test has just ended, and left its children to another: look again
        return {number for each in lists for number in each.split()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_can_run_twice_and_the_second_run_sees_the_results_of_the_first(kind: str) -> None:
    others = children()
    sums = shared_zeros(3, np.int64)
    group = make_group(3, kind)
    for turn in range(3):

        def work(index: int, turn: int = turn) -> None:
            before = int(sums.sum())
            group.wait(index)
            sums[index] += before + turn

        group.run(work)
    assert sums.tolist() == [0 + 1 + 5] * 3
    assert children() == others


@processes_only
def test_an_error_that_cannot_be_pickled_is_sent_as_text() -> None:
    class LocalError(Exception):
        pass

    group = Processes(2)

    def work(index: int) -> None:
        if index == 1:
            raise LocalError("lost")
        group.wait(index)

    with pytest.raises(RuntimeError, match="LocalError: lost"):
        group.run(work)


@processes_only
def test_a_long_error_of_a_process_is_cut_and_nobody_waits_for_it() -> None:
    def work(index: int) -> None:
        if index == 1:
            signal.alarm(30)  # ends it if it waits for ever
            raise ValueError("x" * 200_000)  # more than a pipe holds

    with pytest.raises(RuntimeError, match="ValueError: xxx") as found:
        Processes(2).run(work)
    assert len(str(found.value)) == 1000


@contextmanager
def answered(number: int, answer: signal.Handlers | Callable[..., None]) -> Iterator[None]:
    """This process answers a signal so, within the block."""
    before = signal.signal(number, answer)
    try:
        yield
    finally:
        signal.signal(number, before)


@processes_only
@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_worker_is_an_error_and_nobody_waits_for_it(number: signal.Signals, *, waits: bool) -> None:
    others = children()
    group = Processes(3)

    def work(index: int) -> None:
        if index == 1:
            os.kill(os.getpid(), number)
        if waits:
            group.wait(index)

    # What the parent does at SIGTERM is not for a child to do.
    with answered(signal.SIGTERM, lambda *_: None), pytest.raises(ChildProcessError, match=f"ended by {number.name}"):
        group.run(work)
    assert children() == others


@processes_only
@pytest.mark.parametrize("count", [2, 3])
def test_a_worker_that_arrived_and_then_ended_is_not_an_error(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the parent looks: its wait is over before it finds that a child has ended well."""
    has_ended = Child.has_ended

    def late(child: Child) -> bool:
        child.wait()  # as if the parent had been held up just here
        return has_ended(child)

    monkeypatch.setattr("stages.mlp.parallel.processes.SPINS_BEFORE_YIELD", 0)
    monkeypatch.setattr("stages.mlp.parallel.processes.SPINS_PER_CHECK", 1)
    group = Processes(count)

    def work(index: int) -> None:
        if index == 0:
            monkeypatch.setattr(Child, "has_ended", late)
        group.wait(index)

    group.run(work)


@processes_only
def test_a_group_works_if_sigchld_is_ignored() -> None:
    with answered(signal.SIGCHLD, signal.SIG_IGN):
        group = Processes(3)
        group.run(group.wait)

        def work(index: int) -> None:
            if index == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            group.wait(index)

        with pytest.raises(ChildProcessError, match="a process that shares the training ended before its time; "):
            group.run(work)


@processes_only
def test_workers_end_when_their_parent_is_killed() -> None:
    code = """
import os, signal
from stages.mlp.parallel.processes import Processes
group = Processes(3)
def work(index):
    if index > 0:
        os.write(1, b"here ")
    group.wait(index)
    if index == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    group.wait(index)
group.run(work)
"""
    # The pipe reaches its end only when the last of the processes that hold it is gone.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == 2


@processes_only
@pytest.mark.parametrize("number", ["SIGINT", "SIGHUP", "SIGTERM"])
@pytest.mark.parametrize("is_child", [True, False])
def test_a_signal_right_after_the_fork_is_for_the_parent_alone(number: str, *, is_child: bool) -> None:
    code = f"""
import os, signal
from stages.mlp.parallel.processes import Processes
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.{number}, stop)
fork = os.fork
def interrupted():
    child = fork()
    if (child == 0) == {is_child}:
        os.kill(os.getpid(), signal.{number})
    return child
os.fork = interrupted
group = Processes(3)
try:
    group.run(group.wait)
finally:
    os.write(1, b"ended ")
    print(len(group._children), open(f"/proc/self/task/{{os.getpid()}}/children").read())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ("ended 2 \n" if is_child else "ended 1 \n"), done.stderr
    assert ("KeyboardInterrupt" in done.stderr) == (not is_child)


@processes_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_only_the_parent_handles_signals_of_the_terminal(number: signal.Signals) -> None:
    group = Processes(2)

    def work(index: int) -> None:
        group.wait(index)
        if index == 1:
            os.kill(os.getpid(), number)
        group.wait(index)

    with answered(number, signal.SIG_DFL):  # which would end a child at once
        group.run(work)


@pytest.mark.parametrize("kind", KINDS)
def test_blas_has_one_thread_in_a_group_and_numpys_settings_are_restored(kind: str) -> None:
    outside, size = [(each["internal_api"], each["num_threads"]) for each in threadpool_info()], np.getbufsize()
    seen, buffers = shared_zeros(2, np.int64), shared_zeros(2, np.int64)

    def work(index: int) -> None:
        seen[index] = max(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
        buffers[index] = np.getbufsize()

    group = make_group(2, kind)
    group.run(work)
    assert seen.tolist() == [1, 1]
    assert buffers.tolist() == [BUFFER_VALUES, BUFFER_VALUES]
    assert [(each["internal_api"], each["num_threads"]) for each in threadpool_info()] == outside
    assert np.getbufsize() == size


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_blas_has_one_thread_until_the_last_of_two_groups_that_overlap_has_ended(first_to_end: int) -> None:
    def threads_of_blas() -> int:
        return max(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")

    entered, may_end, ended, may_leave = (Event(), Event()), (Event(), Event()), (Event(), Event()), Event()

    def run_group(number: int) -> None:
        def work(index: int) -> None:
            if index == 0:
                entered[number].set()
                may_end[number].wait(60)

        make_group(2, "threads").run(work)
        ended[number].set()
        may_leave.wait(60)  # the thread that set the limit lives on while the other ends it

    with threadpool_limits(limits=2, user_api="blas"):  # as on a machine of two cores
        callers = [Thread(target=run_group, args=(number,)) for number in (0, 1)]
        for caller, has_entered in zip(callers, entered, strict=True):
            caller.start()
            assert has_entered.wait(60)
        seen = []
        for number in (first_to_end, 1 - first_to_end):
            may_end[number].set()
            assert ended[number].wait(60)
            seen.append(threads_of_blas())
        may_leave.set()
        for caller in callers:
            caller.join(60)
        assert seen == [1, 2]


def test_a_signal_while_blas_is_limited_leaves_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(ThreadpoolController):
        def limit(self, **limits: Any) -> Any:
            made = super().limit(**limits)
            signal.raise_signal(signal.SIGINT)
            return made

    monkeypatch.setattr(blas_threads, "blas_libraries", lambda _: Interrupted())
    outside = threadpool_info()
    with pytest.raises(KeyboardInterrupt):
        make_group(2, "threads").run(lambda _: None)
    assert threadpool_info() == outside
    assert not blas_threads.LIMITS.limits


@processes_only
def test_a_process_that_is_forked_while_another_thread_limits_blas_can_predict() -> None:
    with blas_threads.LIMITS.lock:
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # ends it if it waits for ever
            make_group(1).run(lambda _: None)
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("n", [0, 1, 7, 64])
def test_parts_are_disjoint_and_complete(n: int) -> None:
    parts = [part_of(n, index, 3) for index in range(3)]
    assert np.concatenate([np.arange(n)[part] for part in parts]).tolist() == list(range(n))


@pytest.mark.parametrize("n", [1, 7, 64, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shares_of_the_parameters_are_complete_and_begin_at_cache_lines(n: int, dtype: type) -> None:
    vector = shared_zeros(n, dtype)
    vector[...] = np.arange(n)
    shares = [vector[share_of(vector, index, 3)] for index in range(3)]
    assert np.concatenate(shares).tolist() == list(range(n))
    assert all(share.ctypes.data % CACHE_LINE == 0 for share in shares if len(share))


@pytest.mark.parametrize("shape", [(5, 7), (3, 16), (2, 100), (4, 0), (3,)])
def test_rows_of_shared_arrays_begin_at_cache_lines_and_do_not_overlap(shape: tuple[int, ...]) -> None:
    array = shared_zeros(shape, np.float32)
    assert array.shape == shape
    assert not array.any()
    assert all(row.ctypes.data % CACHE_LINE == 0 for row in np.atleast_2d(array) if row.size)
    array[...] = np.arange(array.size).reshape(shape)
    assert array.ravel().tolist() == list(range(array.size))
