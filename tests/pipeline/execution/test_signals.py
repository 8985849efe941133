"""A signal that asks a run to stop is not lost, wherever it comes, and never shows a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.execution.signals import STOPPING, interruptible

PATIENCE = 60


class Stopped:
    """A thing in whose finaliser, where Python passes over every exception, a signal comes."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)
        time.sleep(0)  # the handler is called here


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_a_signal_that_comes_in_a_finaliser_comes_again(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sys.unraisablehook

    def wait_for_it() -> None:
        with interruptible():
            Stopped(number)
            time.sleep(PATIENCE)

    with pytest.raises(KeyboardInterrupt):
        wait_for_it()
    assert capfd.readouterr().err == ""
    assert sys.unraisablehook is before


def test_a_lost_signal_is_repeated_even_if_the_repeating_thread_sends_it_before_start_returns(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On a busy machine the thread has sent the signal before its start returns."""
    sent, send = threading.Event(), signal.pthread_kill

    def send_and_tell(thread: int, number: int) -> None:
        send(thread, number)
        sent.set()

    class SlowToStart(threading.Thread):
        def start(self) -> None:
            super().start()
            sent.wait(PATIENCE)

    monkeypatch.setattr("signal.pthread_kill", send_and_tell)
    monkeypatch.setattr("threading.Thread", SlowToStart)
    test_a_signal_that_comes_in_a_finaliser_comes_again(signal.SIGTERM, capfd)
    assert sent.is_set()


def test_other_exceptions_that_are_lost_are_shown_as_ever() -> None:
    seen = []

    class Failing:
        def __del__(self) -> None:
            raise ValueError

    earlier, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        with interruptible():
            Failing()
    finally:
        sys.unraisablehook = earlier
    assert [lost.exc_type for lost in seen] == [ValueError]


def test_ctrl_c_while_the_program_starts_ends_it_without_a_word(tmp_path: Path) -> None:
    """It comes as the first library is imported."""
    (tmp_path / "click.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_that_is_ignored_stays_ignored_while_the_program_starts(tmp_path: Path) -> None:
    """A shell without job control ignores it for what runs in the background."""
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise SystemExit(7)\n")
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "pipeline", "status"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert subprocess.run(shell, env=environment, cwd=Path(__file__).parents[3], check=False).returncode == 7
