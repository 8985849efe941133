"""The log of runs survives a crash, and says in what two runs differ."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError, StoreError
from pipeline.history.diff import Difference, compare
from pipeline.store.run_log import FILE_NAME, Run, append_run, find_run, read_runs


def make_run(number: int, **changes: object) -> Run:
    run = Run(
        id=number,
        started="2026-11-01T00:00:00+00:00",
        seconds=1.0,
        command="pipeline run all",
        outcome="done",
        error="",
        preset="",
        changed={},
        stages={"power": "run"},
        figures={"power: largest": 25},
        results={"power": "one"},
        parameters={"power.exponent": 2},
        sources={},
        inputs={"load/numbers.json": "aa"},
        code={"power": "cc"},
        libraries={"numpy": "2.0"},
    )
    return replace(run, **changes)


def test_runs_are_read_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    assert read_runs(tmp_path) == ()
    runs = tuple(make_run(number, error="ä\nb") for number in (1, 2, 3))
    for run in runs:
        append_run(tmp_path, run)
    assert read_runs(tmp_path) == runs


@given(kept=st.integers(0, len(json.dumps(asdict(make_run(2)))) - 1))
def test_a_line_torn_by_a_crash_is_passed_over_and_the_next_run_is_not_lost(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    append_run(folder, make_run(1))
    whole = (folder / FILE_NAME).stat().st_size
    append_run(folder, make_run(2))
    with (folder / FILE_NAME).open("r+b") as log:
        log.truncate(whole + kept)
    assert read_runs(folder) == (make_run(1),)
    append_run(folder, make_run(3))
    assert read_runs(folder) == (make_run(1), make_run(3))


@pytest.mark.parametrize("line", [b"", b"\xff\xff", b"[]", b"3", b'{"id": 1}', b'{"id": 1, "newer": true}', b"{" * 9])
def test_a_line_that_is_no_run_is_ignored(tmp_path: Path, line: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(line + b"\n")
    append_run(tmp_path, make_run(5))
    assert read_runs(tmp_path) == (make_run(5),)


def test_a_log_that_is_a_link_is_never_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (tmp_path / FILE_NAME).symlink_to(outside)
    with pytest.raises(StoreError, match="cannot write the log of runs"):
        append_run(tmp_path, make_run(1))
    assert outside.read_text() == "precious"


def test_a_log_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StoreError, match="cannot read the log of runs"):
        read_runs(tmp_path)


def test_runs_are_found_by_number_and_from_the_end() -> None:
    runs = (make_run(3), make_run(4), make_run(9))
    assert [find_run(runs, text).id for text in ("3", "9", "-1", "-3")] == [3, 9, 9, 3]
    for text in ("1", "-4", "0", "last", ""):
        with pytest.raises(ConfigError, match="there is no run"):
            find_run(runs, text)


CODE = {"one": {"toy.power.power": "11", "toy.other": "22"}, "two": {"toy.power.power": "12", "toy.other": "22"}}


def code_of(stage: str, generation: str) -> dict[str, str] | None:
    assert stage == "power"
    return CODE.get(generation)


def test_what_differs_between_two_runs_is_named_part_by_part() -> None:
    second = make_run(
        2,
        results={"power": "two"},
        parameters={"power.exponent": 3},
        sources={"numbers": "bb"},
        inputs={"load/numbers.json": "a0"},
        code={"power": "dd"},
        libraries={"numpy": "2.1"},
        figures={"power: largest": 125},
    )
    assert compare(make_run(1), second, code_of) == [
        Difference("parameter", "power.exponent", 2, 3),
        Difference("source", "numbers", None, "bb"),
        Difference("input", "load/numbers.json", "aa", "a0"),
        Difference("code", "toy.power.power", "11", "12"),
        Difference("library", "numpy", "2.0", "2.1"),
        Difference("figure", "power: largest", 25, 125),
    ]
    assert compare(second, second, code_of) == []


def test_changed_code_is_told_even_if_a_result_is_no_longer_stored() -> None:
    gone = make_run(2, results={"power": "removed"}, code={"power": "dd"})
    assert compare(make_run(1), gone, code_of) == [Difference("code", "power", "cc", "dd")]


def test_of_a_stage_that_only_one_run_brought_up_to_date_nothing_else_is_told() -> None:
    second = make_run(
        2,
        stages={"power": "run", "text": "run"},
        results={"power": "two", "text": "three"},
        parameters={"power.exponent": 3, "text.width": 9},
        sources={"words": "ee"},
        inputs={"load/numbers.json": "aa", "load/words.json": "ff"},
        code={"power": "cc", "text": "gg"},
        libraries={"numpy": "2.1", "jinja2": "3"},
        figures={"power: largest": 25, "text: lines": 1},
    )
    expected = [
        Difference("stage", "text", None, "run"),
        Difference("parameter", "power.exponent", 2, 3),
        Difference("library", "numpy", "2.0", "2.1"),
    ]
    assert compare(make_run(1), second, code_of) == expected
    turned = [Difference(item.kind, item.name, item.after, item.before) for item in expected]
    assert compare(second, make_run(1), code_of) == turned
