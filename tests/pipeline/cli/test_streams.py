"""Standard output and standard error that are closed, read-only or full, and signals: in real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy_project import Toy, engine_as_parsed, ran

from pipeline.logs.run_log import read_runs

ON_TOY = """
import sys
from pathlib import Path
sys.path[:0] = [{code!r}, {tests!r}]
import pipeline.cli.project
from pipeline.cli import main
from toy_project import commands, toy_of_another_process

pipeline.cli.project.load_project = commands(toy_of_another_process({package!r}, Path({parsed!r}).read_bytes()))
main(prog_name="pipeline")
"""
DAG = ("dag",)  # a table, and quicker than status, which reads the code of all stages
RUN = ("run", "load", "--quiet")
WRONG_KEY = ("config", "--set", "train.epohs=3")
CLOSED = {
    "output closed": ">&-",
    "errors closed": "2>&-",
    "both closed": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "both read-only": ">&- 2>&- 1</dev/null 2</dev/null",
    "errors full": "2>/dev/full",
}


def on_toy(toy: Toy) -> list[str]:
    """The program, as it works on a toy project: its stages take a moment only."""
    tests, parsed = str(Path(__file__).parents[1]), toy.code / "parsed"
    parsed.write_bytes(engine_as_parsed())
    program = ON_TOY.format(code=str(toy.code), tests=tests, package=toy.package, parsed=str(parsed))
    return [sys.executable, "-c", program]


def start(toy: Toy, words: tuple[str, ...], redirection: str = "") -> subprocess.CompletedProcess[str]:
    """Call a command in a process of its own, whose streams the shell sets up; a run is one of the toy project."""
    program = on_toy(toy) if words[0] == "run" else [sys.executable, "-m", "pipeline"]
    command = [*program, *words]
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIPELINE_")}
    return subprocess.run(
        shell, cwd=toy.work, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(("words", "code"), [(DAG, 0), (RUN, 0), (WRONG_KEY, 2)])
@pytest.mark.parametrize("how", CLOSED)
def test_a_stream_that_cannot_be_written_to_changes_neither_exit_code_nor_files(
    toy: Toy, words: tuple[str, ...], code: int, how: str
) -> None:
    done = start(toy, words, CLOSED[how])
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    if words == RUN:  # nothing of ours was written into a file that took the place of a stream
        assert ran(toy.run("load")) == []


@pytest.mark.parametrize("words", [DAG, ("dag", "--json"), ("run", "load", "--json"), ("--help",), ("config",)])
def test_results_that_a_full_disk_cannot_take_are_told_of_once(toy: Toy, words: tuple[str, ...]) -> None:
    done = start(toy, words, ">/dev/full")
    assert done.returncode == 1
    what, hint = done.stderr.splitlines()[-2:]
    assert what.endswith("error: standard output cannot be written to: No space left on device")
    assert hint.strip() == "hint:  send it to a place that has room"
    assert done.stderr.count("error:") == 1
    assert start(toy, words, ">/dev/full 2>/dev/full").returncode == 1


def test_whoever_reads_only_the_first_line_is_told_of_nothing(toy: Toy) -> None:
    done = start(toy, ("config", "--json"), "| head -n 1")
    assert (done.stdout, done.stderr) == ("{\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signals_while_the_first_is_dealt_with_change_nothing(toy: Toy, number: signal.Signals) -> None:
    """A stage is stopped, is stopped again as it cleans up, and so is the program as it writes the log and ends."""
    stop = f"os.kill(os.getpid(), {number:d})"
    toy.edit(
        "parity.py",
        "    return Outcome()",
        f"    import os, atexit\n    atexit.register(lambda: {stop})\n    try:\n        {stop}\n"
        f"    finally:\n        {stop}\n        {stop}\n    return Outcome()",
    )
    done = start(toy, ("run", "all", "--quiet"))
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: interrupted; ")
    assert read_runs(toy.artifacts)[-1].outcome == "interrupted"


def test_a_signal_that_is_ignored_for_nohup_stays_ignored(toy: Toy) -> None:
    sends = f"    import os\n    os.kill(os.getpid(), {signal.SIGHUP:d})\n    return Outcome()"
    toy.edit("parity.py", "    return Outcome()", sends)
    shell = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *on_toy(toy), "run", "all", "--quiet"]
    assert subprocess.run(shell, cwd=toy.work, timeout=120, check=False, capture_output=True).returncode == 0


def test_a_library_that_crashes_for_want_of_memory_as_python_ends_does_not_hide_the_exit_code(toy: Toy) -> None:
    toy.edit(
        "parity.py",
        "    return Outcome()",
        "    import atexit, os\n    atexit.register(lambda: os._exit(9))\n    raise MemoryError",
    )
    done = start(toy, ("run", "all", "--quiet"))
    assert done.returncode == 1
    assert "parity failed: memory ran out" in done.stderr
