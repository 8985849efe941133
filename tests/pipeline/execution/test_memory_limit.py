"""A limit of memory that is too low is told before a library ends the process without a word."""

from __future__ import annotations

import resource
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from toy_project import Recorder, Toy

from pipeline.cli import main
from pipeline.cli.group import Commands
from pipeline.errors import StageError
from pipeline.execution.memory_limit import LIMITS, Limit

GIB = 2**30


def limit_memory(patch: pytest.MonkeyPatch, number: int, size: int) -> None:
    """Say that ``ulimit`` allows so many bytes of this kind, and any number of the other."""
    patch.setattr(resource, "getrlimit", lambda which: (size if which == number else resource.RLIM_INFINITY,) * 2)


def notices(toy: Toy) -> list[str]:
    """What a run tells."""
    recorder = Recorder()
    toy.run("all", watcher=recorder)
    return recorder.notices


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.option)
def test_a_limit_under_which_no_run_comes_to_its_end_is_refused_and_only_if_a_stage_runs(
    toy: Toy, limit: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, limit.number, 200 * 2**20)
    with pytest.raises(StageError, match=r"too little memory is allowed: the limit is 0\.2 GiB") as caught:
        notices(toy)
    assert f"ulimit {limit.option}" in caught.value.hint
    monkeypatch.undo()
    toy.run("all")
    toy.settings["power.exponent"] = 3
    toy.run("all")
    limit_memory(monkeypatch, limit.number, 200 * 2**20)
    assert notices(toy) == []
    toy.settings.clear()
    assert notices(toy) != []  # the earlier results are restored


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.option)
def test_a_low_limit_is_told_before_anything_runs_and_only_then(
    toy: Toy, limit: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, limit.number, limit.least)
    [first] = notices(toy)
    assert f"{limit.least / GIB:.1f} GiB (ulimit {limit.option})" in first
    assert notices(toy) == []  # nothing was to be done


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.option)
def test_a_limit_that_is_enough_is_not_told(toy: Toy, limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, limit.number, limit.enough)
    assert notices(toy) == []


@pytest.mark.parametrize(("command", "limit", "times"), [("model", 1, 1), ("model", GIB, 0), ("runs", 1, 0)])
def test_a_command_that_reads_arrays_tells_of_a_low_limit(
    tmp_path: Path, command: str, limit: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, resource.RLIMIT_AS, limit)
    stderr = CliRunner().invoke(main, [command, "-C", str(tmp_path)]).stderr
    assert stderr.count("and this command needs up to 1") == times


def test_a_rerun_is_refused_before_the_libraries_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (GIB, GIB))
    result = CliRunner().invoke(main, ["verify", "--rerun", "-C", str(tmp_path)])
    assert (result.exit_code, "too little memory is allowed" in result.stderr) == (1, True)


def test_too_little_memory_to_tell_of_too_little_memory_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Commands, "invoke", no_memory)
    result = CliRunner().invoke(main, ["runs"])
    assert (result.exit_code, result.exc_info and result.exc_info[0]) == (1, SystemExit)


@pytest.mark.parametrize(
    ("is_limited", "code", "told"),
    [(True, 1, "error: no further thread or process can be started"), (False, 130, "error: interrupted")],
)
def test_a_matrix_library_that_gets_no_thread_and_interrupts_is_no_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, *, is_limited: bool, code: int, told: str
) -> None:
    """OpenBLAS sends itself SIGINT where ``ulimit -u`` lets it start none."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(click.Group, "invoke", interrupt)
    if is_limited:
        monkeypatch.setattr(threading.Thread, "start", refuse)
    result = CliRunner().invoke(main, ["runs"])
    assert (result.exit_code, result.stderr.startswith(told)) == (code, True)
