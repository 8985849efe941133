"""What moves while stages run: a line each that fits the terminal, and plain lines where nothing can move."""

from __future__ import annotations

import re

import pytest
from pseudo_terminal import on_a_terminal

from pipeline.planning.reasons import Action, Reason, ReasonKind, reasons_text
from pipeline.planning.staleness import Decision
from pipeline.terminal.progress import Line, PlainProgress, Terminal, clock, draw_line

NOTE = "97.22 % validation accuracy, epoch 7"

# The lines are redrawn ten times a second, by a thread: on a busy machine also while another line is being printed.
SCRIPT = """
import time
from dataclasses import replace

from rich.live import Live

from pipeline.figures import SHARE, Figure
from pipeline.planning.reasons import Action, Reason, ReasonKind
from pipeline.planning.staleness import Decision
from pipeline.terminal.progress import Terminal
from pipeline.store.receipt import Receipt, Work
from pipeline.execution.run import StageResult

work = Work("train", {}, {}, {}, {}, {}, ())
receipt = Receipt(work, {}, {"validation accuracy": Figure(0.9722, SHARE)}, (), "", "", "", 1.0)
place = Live.process_renderables
Live.process_renderables = lambda *about: (place(*about), time.sleep(0.15))[0]
with Terminal() as terminal:
    progress = terminal.started(Decision("train", Action.RUN, (Reason(ReasonKind.FIRST_RUN),)))
    progress(50, 100, unit="steps", note="97.00 % validation accuracy, epoch 7")
    terminal.log("step 50 of 100")
    terminal.finished(StageResult("train", Action.RUN, (), 12.3, receipt))
    terminal.finished(StageResult("submit", Action.RESTORE, (), 0.0, replace(receipt, figures={})))
    terminal.finished(StageResult("ingest", Action.FRESH, (), 0.0, receipt))
"""


def lines_of(text: str) -> list[str]:
    """What stood on the screen, without control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").split("\n")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_stage_has_one_line_that_fits_the_terminal(columns: int) -> None:
    text = on_a_terminal(SCRIPT, columns=columns)
    assert "\x1b[" in text
    assert max(map(len, lines_of(text))) <= columns
    assert "train     ran in 12.3 s  validation accuracy 97.22 %" in text.replace("\x1b[32m", "").replace(
        "\x1b[0m", ""
    ).replace("\x1b[1m", "")
    assert any(line.startswith("submit    restored in 0.0 s") for line in lines_of(text))
    assert any(line.startswith("step 50 of 100") for line in lines_of(text))
    assert "ingest" not in text


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"CI": "true"}])
def test_without_a_terminal_plain_lines_are_printed(environment: dict[str, str]) -> None:
    text = on_a_terminal(SCRIPT, **environment)
    assert "\x1b" not in text
    assert [line for line in lines_of(text) if line] == [
        "train: first run",
        "step 50 of 100",
        "train: ran in 12.3 s; validation accuracy 97.22 %",
        "submit: restored in 0.0 s",
    ]


def test_no_colour_is_used_where_none_is_wanted() -> None:
    colours = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m")
    assert colours.search(on_a_terminal(SCRIPT))
    assert not colours.search(on_a_terminal(SCRIPT, NO_COLOR="1"))


def running(**changes: float) -> Line:
    """A stage that has been at work for ten seconds, and has said twice how far it is."""
    line = Line("train", started=100.0)
    line.report(changes.get("first", 0), 1000, "steps", NOTE, 100.0)
    line.report(500, 1000, "steps", NOTE, 110.0)
    return line


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_running_stage_shows_bar_rate_time_left_and_the_accuracy(columns: int) -> None:
    text = draw_line(running(), columns, now=110.0).plain
    assert text.startswith("train     ━━━━━")
    assert "50 steps/s" in text
    assert "0:10 left" in text
    assert "97.22 %" in text
    assert len(text) <= columns
    assert (NOTE in text) == (columns >= 80)


def test_in_a_log_a_stage_that_takes_long_says_twice_a_minute_how_far_it_is() -> None:
    now, said = [100.0], []
    progress = PlainProgress("train", said.append, lambda: now[0])
    for step in range(1, 131):
        now[0] = 100.0 + step
        progress(10 * step, 2600, unit="steps", note=NOTE if step > 40 else "")
    assert said == [
        "train: 300 of 2,600 steps; 3:50 left",
        f"train: 600 of 2,600 steps; {NOTE}; 3:20 left",
        f"train: 900 of 2,600 steps; {NOTE}; 2:50 left",
        f"train: 1,200 of 2,600 steps; {NOTE}; 2:20 left",
    ]


def test_without_a_terminal_a_stage_logs_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.terminal.progress.SPACING", 0.0)
    decision = Decision("train", Action.RUN, (Reason(ReasonKind.FIRST_RUN),))
    for quiet in (False, True):
        Terminal(quiet=quiet).started(decision)(1, 2, unit="steps")
    assert capsys.readouterr().err.splitlines() == ["train: first run", "train: 1 of 2 steps"]


def test_the_time_left_runs_down_between_two_reports() -> None:
    assert "0:06 left" in draw_line(running(), 80, now=114.0).plain
    assert "0:00 left" in draw_line(running(), 80, now=999.0).plain


def test_the_rate_of_work_that_was_taken_up_again_counts_what_was_done_since() -> None:
    assert "10 steps/s" in draw_line(running(first=400), 80, now=110.0).plain


def test_before_a_stage_says_how_much_there_is_the_time_that_has_passed_is_shown() -> None:
    text = draw_line(Line("ingest", started=100.0), 80, now=107.0).plain
    assert "0:07" in text
    assert "/s" not in text
    assert "━" not in text


def test_a_slow_rate_is_not_zero() -> None:
    line = Line("fold", started=0.0)
    line.report(0, 10, "rows", "", 1.0)
    line.report(3, 10, "rows", "", 11.0)
    assert "0.3 rows/s" in draw_line(line, 80, now=11.0).plain


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (750, "12:30"), (3723, "1:02:03")])
def test_times_are_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_changed_code_is_one_reason_however_many_definitions_changed() -> None:
    code = [Reason(ReasonKind.CODE_CHANGED, f"stages.train.train.{name}") for name in "abcde"]
    parameter = Reason(ReasonKind.PARAMETER_CHANGED, "train.epochs", 2, 3)
    assert reasons_text([parameter, *code]) == "train.epochs 2 -> 3; code changed: stages.train.train.a, and 4 more"


def test_very_many_changed_definitions_are_an_update_of_the_program() -> None:
    code = [Reason(ReasonKind.CODE_CHANGED, f"pipeline.errors.{number}") for number in range(21)]
    assert reasons_text(code) == "the program was updated"
    assert reasons_text(code[1:]) == "code changed: pipeline.errors.1, and 19 more"
