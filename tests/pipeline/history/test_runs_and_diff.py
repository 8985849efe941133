"""The log of runs survives a crash, and says in what two runs differ."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_run import make_run

from pipeline.errors import ConfigError, StoreError
from pipeline.figures import as_figure
from pipeline.history.diff import Difference, compare
from pipeline.logs.line_log import LineLog
from pipeline.logs.run_log import FILE_NAME, LOG, append_run, find_run, next_id, read_runs


def test_runs_are_read_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    assert read_runs(tmp_path) == ()
    runs = tuple(make_run(number, error="ä\nb") for number in (1, 2, 3))
    for run in runs:
        append_run(tmp_path, run)
    assert read_runs(tmp_path) == runs


@given(kept=st.integers(0, len(json.dumps(asdict(make_run(2)))) - 1))
def test_a_line_torn_by_a_crash_is_skipped_and_the_next_run_is_not_lost(
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


def test_a_disk_that_fills_in_the_middle_of_a_line_leaves_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_run(tmp_path, make_run(1))
    before, write, room = (tmp_path / FILE_NAME).read_bytes(), os.write, [10]

    def write_what_fits(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: room.pop()])

    monkeypatch.setattr(os, "write", write_what_fits)
    with pytest.raises(StoreError, match="the disk is full"):
        append_run(tmp_path, make_run(2))
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_run_with_a_name_that_is_no_utf8_is_read_back_and_counted(tmp_path: Path) -> None:
    append_run(tmp_path, make_run(1, command="pipeline run all -C caf\udce9", error="\udce9.zip is damaged"))
    expected = make_run(1, command="pipeline run all -C caf\\xe9", error="\\xe9.zip is damaged")
    assert (LOG.read(tmp_path).all, LOG.read(tmp_path).warning, next_id(tmp_path)) == ((expected,), "", 2)


def damaged_line(**changes: object) -> bytes:
    return json.dumps({**asdict(make_run(7)), **changes}).encode()


NESTED = "[" * 5_000 + "]" * 5_000


@pytest.mark.parametrize(
    "line",
    [
        *(b"\xff\xff", b"[]", b"3", b'{"id": 1}', b'{"id": 1, "newer": true}', b"{" * 9),
        damaged_line(id="7"),
        damaged_line(id=None),
        damaged_line(seconds="1"),
        damaged_line(figures=[]),
        damaged_line(figures={"a": [1]}),
        damaged_line(stages={"load": 1}),
        damaged_line(trial="x"),
        damaged_line(stages={}),
        damaged_line(results={}),
        damaged_line(code={"total": "cc"}),
        damaged_line(changed={"a": "DEEP"}).replace(b'"DEEP"', NESTED.encode()),
        damaged_line(changed={"a": "DEEP"}).replace(b'"DEEP"', b"[" * 20 + b"]" * 20),
        NESTED.encode(),
    ],
    ids=lambda line: (line[:20] + line[-20:]).decode("latin-1"),
)
def test_a_line_that_is_no_run_is_skipped_and_counted(tmp_path: Path, line: bytes) -> None:
    append_run(tmp_path, make_run(5))
    with (tmp_path / FILE_NAME).open("ab") as log:
        log.write(line + b"\n\n")
    found = LOG.read(tmp_path)
    assert found.all == (make_run(5),)
    assert found.warning == "skipped 1 line of runs.jsonl: torn by a crash, damaged, or from another version"
    assert next_id(tmp_path) == 6
    append_run(tmp_path, make_run(6))
    assert read_runs(tmp_path) == (make_run(5), make_run(6))


def test_the_log_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """A line as it was written before. Do not change it: whoever has such a log would lose the runs in it."""
    shutil.copy(Path(__file__).with_name("earlier_runs.jsonl"), tmp_path / FILE_NAME)
    found = LOG.read(tmp_path)
    assert found.warning == ""
    assert [(run.id, run.changed, run.origin) for run in found.all] == [(1, {"train.epochs": 2}, "")]
    accuracy = as_figure(found.all[0].figures["evaluate: validation accuracy"])
    assert (accuracy.text, accuracy.is_headline) == ("88.89 %", True)


def test_the_next_number_is_found_at_the_end_of_the_log(tmp_path: Path) -> None:
    assert next_id(tmp_path) == 1
    (tmp_path / FILE_NAME).write_bytes(b"no run\n")
    assert next_id(tmp_path) == 1
    for number in (1, 2, 41):
        append_run(tmp_path, make_run(number, error="x" * 100_000))  # longer than what is read at a time
    assert next_id(tmp_path) == 42
    with (tmp_path / FILE_NAME).open("ab") as log:
        log.write(b"y" * 200_000)
    assert next_id(tmp_path) == 42


def test_of_a_long_log_only_the_end_is_read_for_the_next_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 501):
        append_run(tmp_path, make_run(number, error="x" * 1_000))
    parsed: list[bytes] = []
    parse = LineLog.parse
    monkeypatch.setattr(LineLog, "parse", lambda log, line: (parsed.append(line), parse(log, line))[1])
    assert next_id(tmp_path) == 501
    assert len(parsed) == 1


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


def test_trials_of_a_sweep_are_not_counted_from_the_end() -> None:
    trial = {"sweep": "0123abcd", "number": 1}
    runs = (make_run(1, trial=trial), make_run(2), make_run(3, trial=trial), make_run(4), make_run(5, trial=trial))
    assert [find_run(runs, text).id for text in ("5", "-1", "-2")] == [5, 4, 2]
    with pytest.raises(ConfigError, match="there is no run -3"):
        find_run(runs, "-3")


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


def test_settings_of_earlier_results_that_only_one_log_tells_are_no_difference() -> None:
    second = make_run(2, parameters={**make_run(1).parameters, "load.limit": 3})
    assert compare(make_run(1), second, code_of) == compare(second, make_run(1), code_of) == []


def test_for_a_stage_in_one_run_only_nothing_else_is_compared() -> None:
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
