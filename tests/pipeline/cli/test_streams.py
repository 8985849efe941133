"""Standard output and standard error that are closed, read-only or full, and signals: in real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy_project import Toy

from pipeline.logs.run_log import read_runs

STATUS = ("status",)
RUN = ("run", "ingest", "--quiet")
WRONG_KEY = ("status", "--set", "train.epohs=3")
CLOSED = {
    "output closed": ">&-",
    "errors closed": "2>&-",
    "both closed": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "both read-only": ">&- 2>&- 1</dev/null 2</dev/null",
    "errors full": "2>/dev/full",
}


def start(folder: Path, words: tuple[str, ...], redirection: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", *words]
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIPELINE_")}
    return subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("words", "code"), [(STATUS, 0), (RUN, 0), (WRONG_KEY, 2)])
@pytest.mark.parametrize("how", CLOSED)
def test_a_stream_that_takes_nothing_is_as_if_nobody_read_it(
    tmp_path: Path, words: tuple[str, ...], code: int, how: str
) -> None:
    done = start(tmp_path, words, CLOSED[how])
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    if words == RUN:  # nothing of ours was written into a file that took the place of a stream
        assert "Nothing to do" in start(tmp_path, ("run", "ingest")).stdout


@pytest.mark.parametrize("words", [STATUS, ("status", "--json"), ("run", "ingest", "--json"), ("--help",), ("config",)])
def test_results_that_a_full_disk_cannot_take_are_told_of_once(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = start(tmp_path, words, ">/dev/full")
    assert done.returncode == 1
    what, hint = done.stderr.splitlines()[-2:]
    assert what.endswith("error: standard output cannot be written to: No space left on device")
    assert hint.strip() == "hint:  send it to a place that has room"
    assert done.stderr.count("error:") == 1
    assert start(tmp_path, words, ">/dev/full 2>/dev/full").returncode == 1


def test_whoever_reads_only_the_first_line_is_told_of_nothing(tmp_path: Path) -> None:
    done = start(tmp_path, ("config", "--json"), "| head -n 1")
    assert (done.stdout, done.stderr) == ("{\n", "")


STAGE_THAT_IS_STOPPED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {code!r})
sys.path.insert(0, {tests!r})
import pipeline.cli.project
from pipeline.cli import main
from toy_project import commands, toy_of_another_process

pipeline.cli.project.load_project = commands(toy_of_another_process({package!r}))
main(["run", "all", "--quiet"], prog_name="pipeline")
"""


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
    code = STAGE_THAT_IS_STOPPED.format(code=str(toy.code), tests=str(Path(__file__).parents[1]), package=toy.package)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=toy.work, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: interrupted; ")
    assert read_runs(toy.artifacts)[-1].outcome == "interrupted"


def test_a_signal_that_is_ignored_for_nohup_stays_ignored(toy: Toy) -> None:
    sends = f"    import os\n    os.kill(os.getpid(), {signal.SIGHUP:d})\n    return Outcome()"
    toy.edit("parity.py", "    return Outcome()", sends)
    code = STAGE_THAT_IS_STOPPED.format(code=str(toy.code), tests=str(Path(__file__).parents[1]), package=toy.package)
    shell = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", code]
    assert subprocess.run(shell, cwd=toy.work, timeout=120, check=False, capture_output=True).returncode == 0
