"""Text from outside is shown and never obeyed: on every way to the terminal, whatever kind of text it is."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from toy_project import Toy, invoke

from pipeline.errors import DataError
from pipeline.figures import Figure
from pipeline.planning.reasons import Action
from pipeline.planning.staleness import Decision
from pipeline.printable_text import readable, readable_json, visible
from pipeline.terminal import output
from pipeline.terminal.progress import Line, PlainProgress, Terminal, draw_line

run = partial(invoke, code=None, columns=120)
HOSTILE = "a\x1b[31mb\x9b2Jc\u202ed\u2066e\u2028f\x07g\rh\nerror: forged"
SHOWN = r"a\x1b[31mb\x9b2Jc\u202ed\u2066e\u2028f\x07g\rh\nerror: forged"
OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|^error: forged", re.MULTILINE
)


def test_what_a_terminal_would_obey_is_written_as_an_escape() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible(SHOWN) == SHOWN
    assert visible("\udcff\t") == r"\xff\t"


def test_a_byte_that_is_no_utf8_is_written_as_an_escape_in_json_too() -> None:
    assert readable("caf\udce9 \ud800\n") == "caf\\xe9 \\ud800\n"
    document = json.dumps({"caf\udce9": "\\ \udcff\n"}, ensure_ascii=False)
    assert json.loads(readable_json(document)) == {"caf\\xe9": "\\ \\xff\n"}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json_of_names_that_are_no_utf8_can_be_read_by_all(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr("sys.stdout", stream)
    output.print_json({"file": "\udce9.png", "city": "K\xf6ln"})
    stream.flush()
    assert msgspec.json.decode(stream.buffer.getvalue()) == {"file": "\\xe9.png", "city": "K\xf6ln"}


@pytest.mark.parametrize("text", ["größer", "数字", "7\N{NO-BREAK SPACE}%", "🙂", "a'\"\\b", ""])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_lines_on_both_streams(capsys: pytest.CaptureFixture[str]) -> None:
    output.echo(HOSTILE, HOSTILE)
    output.notify(HOSTILE)
    assert capsys.readouterr() == (f"{SHOWN}\n{SHOWN}\n", f"{SHOWN}\n")


def test_a_banner(capsys: pytest.CaptureFixture[str]) -> None:
    output.notify_banner(f"two\nlines {visible(HOSTILE)}")
    assert not OBEYED.search(capsys.readouterr().err)


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    output.notify_error(DataError(f"'{HOSTILE}' is wrong", where=[HOSTILE, HOSTILE], hint=f"rename {HOSTILE}"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"error: '{SHOWN}' is wrong", f"  where: {SHOWN}", f"    {SHOWN}", f"  hint:  rename {SHOWN}"]


@pytest.mark.parametrize("width", [20, 200])
def test_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    output.print_table(("file", "label"), [(HOSTILE, HOSTILE), ("7", "7")])
    shown = capsys.readouterr().out
    assert not OBEYED.search(shown)
    assert r"\x1b[31mb" in shown


def test_json_means_the_same_and_is_safe_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({HOSTILE: [HOSTILE, "größer"]})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {HOSTILE: [HOSTILE, "größer"]}
    assert not OBEYED.search(shown)
    assert "größer" in shown


def test_lines_and_notes_of_a_stage_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal() as terminal:
        terminal.log(HOSTILE)
        terminal.started(Decision("load", Action.RUN))
    ticks = iter([0.0, 100.0, 200.0])
    progress = PlainProgress("load", terminal.log, lambda: next(ticks))
    progress(1, 2, note=HOSTILE)
    line = Line("load", 0.0)
    line.report(1, 2, "rows", HOSTILE, 1.0)
    screen = Console(file=io.StringIO(), width=200)
    screen.print(draw_line(line, 200, 2.0))
    line.seconds = 2.0
    screen.print(draw_line(line, 200, 2.0))
    assert isinstance(screen.file, io.StringIO)
    shown = capsys.readouterr().err + screen.file.getvalue()
    assert not OBEYED.search(shown)
    assert shown.count(SHOWN) == 4


@pytest.fixture
def toy_with_hostile_names(toy_of_commands: Toy) -> Toy:
    """A toy project in which everything that comes from outside is hostile: a file, its rows, settings, the log."""
    toy_of_commands.raw.write_text("1\n2\n")
    (toy_of_commands.work / HOSTILE.replace("/", "")).write_text("1\n")
    return toy_of_commands


@pytest.mark.parametrize(
    "words",
    [
        ("run", HOSTILE),
        ("run", "all", "--from", HOSTILE),
        ("run", "all", "--set", HOSTILE),
        ("run", "all", "--set", f"power.{HOSTILE}=1"),
        ("run", "all", "--set", f"load.path={json.dumps(HOSTILE)}x"),
        ("run", "all", "--preset", HOSTILE),
        ("run", "all", f"--{HOSTILE}"),
        (f"--{HOSTILE}",),
        (HOSTILE,),
        ("status", "-C", HOSTILE + "/none"),
        ("-C", HOSTILE + "/none", "status"),
        ("why", HOSTILE),
        ("diff", HOSTILE, "2"),
        ("config", "--set", f"load.path={json.dumps(HOSTILE)}"),
        ("config", "--json", "--set", f"load.path={json.dumps(HOSTILE)}"),
        ("status", "--set", f"load.path={json.dumps(HOSTILE)}"),
        ("run", "all", "--set", f"load.path={json.dumps(HOSTILE)}"),
        ("sweep", "--grid", f"load.path={json.dumps(HOSTILE)}", "--dry-run"),
        ("sweep", "--grid", HOSTILE),
        ("sweep", "--objective", HOSTILE, "--grid", "power.exponent=1"),
        ("run", "all", "--backend", HOSTILE),
        ("clean", "--keep", HOSTILE),
    ],
)
def test_words_of_the_command_line_and_names_of_files(toy_with_hostile_names: Toy, words: tuple[str, ...]) -> None:
    result = run(toy_with_hostile_names, *words)
    assert not OBEYED.search(result.output)
    assert "should not have happened" not in result.output


def test_the_log_of_runs(toy_with_hostile_names: Toy) -> None:
    """Anybody may have written into the log what they like."""
    toy = toy_with_hostile_names
    run(toy, "run", "all")
    run(toy, "run", "all", "--set", "power.exponent=3")
    log = toy.artifacts / "runs.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        line.update(started=HOSTILE, outcome=HOSTILE, preset=HOSTILE, changed={HOSTILE: HOSTILE})
        line["figures"] = {f"total: {HOSTILE}": {"value": HOSTILE, "unit": HOSTILE, "is_headline": True}}
        line["libraries"] = {HOSTILE: f"{HOSTILE}{line['id']}"}
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for words in (("runs",), ("diff", "1", "2"), ("runs", "--json"), ("diff", "1", "2", "--json")):
        result = run(toy, *words)
        assert result.exit_code == 0
        assert "x1b[31m" in result.output or "u001b[31m" in result.output
        assert not OBEYED.search(result.output)


def test_the_holder_of_the_lock(toy_with_hostile_names: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pipeline", HOSTILE])
    from pipeline.store.lock import writer_lock

    toy = toy_with_hostile_names
    run(toy, "run", "all")
    with writer_lock(toy.store.lock_path, wait=False, notify=print):
        result = run(toy, "status")
    assert "is writing here" in result.stderr
    assert not OBEYED.search(result.output)


def test_figures_and_warnings_of_a_stage(toy_with_hostile_names: Toy) -> None:
    toy = toy_with_hostile_names
    literal = json.dumps(HOSTILE)
    toy.edit(
        "total.py",
        'Outcome(figures={"total": value,',
        f"Outcome(warnings=({literal},), figures={{{literal}: {literal},",
    )
    result = run(toy, "run", "all")
    assert result.exit_code == 0
    assert f"warning: {SHOWN}" in result.stderr
    assert not OBEYED.search(result.output)


def test_a_folder_of_the_project(toy_with_hostile_names: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / HOSTILE / "below"
    place.mkdir(parents=True)
    (place.parent / "pipeline.toml").touch()
    monkeypatch.chdir(place)
    result = run(toy_with_hostile_names, "dag")
    assert SHOWN in result.stderr
    assert not OBEYED.search(result.output)


def test_a_figure_with_control_characters_is_shown_with_escapes() -> None:
    assert visible(replace(Figure(HOSTILE), unit="rows").text) == f"{SHOWN} rows"
