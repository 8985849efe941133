"""`pipeline diff --explain` on the toy project: what each change did, what it costs, and that nothing current moves."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from toy_project import OBJECTIVE, Invoke, Toy
from toy_sweeps import data, total

from pipeline.logs.run_log import read_runs


@pytest.fixture
def diff(call: Invoke) -> Invoke:
    return partial(call, "diff", "1", "2", "--explain")


def run(toy: Toy, **settings: object) -> None:
    toy.settings = {name.replace("__", "."): value for name, value in settings.items()}
    toy.run()


def edit_log(toy: Toy, line: int, parameters: dict[str, Any]) -> None:
    """Let a run of the log, from 0, have had these settings."""
    log = toy.artifacts / "runs.jsonl"
    runs = [json.loads(text) for text in log.read_text().splitlines()]
    runs[line]["parameters"] |= parameters
    log.write_text("".join(f"{json.dumps(each)}\n" for each in runs))


def share_of(found: dict[str, Any], name: str) -> Any:
    return next(each["share"] for each in found["changes"] if name in each["after"])


def test_each_change_gets_what_it_did_over_all_orders(toy: Toy, diff: Invoke) -> None:
    run(toy)
    run(toy, power__exponent=3, load__limit=2)
    found = data(diff("--json"))
    exponent = [total(exponent=3, limit=limit) - total(limit=limit) for limit in (None, 2)]
    limit = [total(limit=2, exponent=exponent) - total(exponent=exponent) for exponent in (2, 3)]
    assert share_of(found, "power.exponent") == sum(exponent) / 2
    assert share_of(found, "load.limit") == sum(limit) / 2
    assert (found["before"], found["after"]) == (total(), total(exponent=3, limit=2))
    assert found["movement"]["share"] == found["after"] - found["before"]


def test_current_results_stay_and_made_runs_are_found_again(toy: Toy, diff: Invoke) -> None:
    run(toy)
    run(toy, power__exponent=3, load__limit=2)
    before = toy.files()
    assert "4 runs, of which 2 are stored and 2 will be made" in diff("--dry-run").stderr
    assert len(read_runs(toy.artifacts)) == 2
    diff()
    assert toy.files() == before
    n_runs = len(read_runs(toy.artifacts))
    assert "4 runs, of which 4 are stored" in diff().stderr
    assert len(read_runs(toy.artifacts)) == n_runs


def test_every_run_is_made_with_every_seed(toy: Toy, diff: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start of the sum stands in for a seed: it adds as much to each run, so the share has no spread."""
    monkeypatch.setattr("stages.OBJECTIVE", replace(OBJECTIVE, seed="total.start"))
    run(toy)
    run(toy, power__exponent=3)
    found = data(diff("--seeds", "2", "--json"))
    assert found["seeds"] == 2
    assert found["before"] == total() + 0.5
    (change,) = found["changes"]
    moved = total(exponent=3) - total()
    assert (change["share"], change["interval"]) == (moved, [moved, moved])


def test_a_failed_run_between_is_an_error_that_names_its_settings(toy: Toy, diff: Invoke) -> None:
    run(toy)
    run(toy, total__start=5, power__exponent=3)
    edit_log(toy, 1, {"total.fails": True})
    n_runs = len(read_runs(toy.artifacts))
    error = diff(code=1).stderr
    assert "a run between the two failed" in error
    assert "total.fails=true" in error
    assert "compare runs that differ in fewer" in error
    assert len(read_runs(toy.artifacts)) < n_runs + 6  # nothing more is made: of eight runs two are there


def test_the_place_of_the_raw_file_is_a_change_like_others(toy: Toy, diff: Invoke, tmp_path: Path) -> None:
    run(toy)
    other = tmp_path / "other.txt"
    other.write_text("7\n8\n")
    run(toy, load__path=str(other), power__exponent=3)
    found = data(diff("--json"))
    moved = [total(raw="7\n8\n", exponent=e) - total(exponent=e) for e in (2, 3)]
    assert share_of(found, "load.path") == sum(moved) / 2


def test_the_same_raw_file_in_another_place_is_not_a_change(toy: Toy, diff: Invoke, tmp_path: Path) -> None:
    run(toy)
    other = tmp_path / "other.txt"
    other.write_bytes(toy.raw.read_bytes())
    run(toy, load__path=str(other), power__exponent=3)
    found = data(diff("--dry-run", "--json"))
    assert [set(each["after"]) for each in found["changes"]] == [{"power.exponent"}]


def test_raw_files_that_are_gone_are_left_out_and_told(toy: Toy, diff: Invoke) -> None:
    run(toy)
    toy.raw.write_text("7\n8\n")
    run(toy, power__exponent=3)
    found = data(diff("--json"))
    assert [set(each["after"]) for each in found["changes"]] == [{"power.exponent"}]
    assert any("raw files of run 1 are no longer there" in note for note in found["notes"])
    assert len(found["notes"]) == 1


def test_raw_files_of_either_run_may_be_gone(toy: Toy, diff: Invoke, tmp_path: Path) -> None:
    """The first run's file lay elsewhere, and is gone: the second run's is taken for both."""
    other = tmp_path / "other.txt"
    other.write_text("7\n8\n")
    run(toy, load__path=str(other))
    other.unlink()
    run(toy, power__exponent=3)
    found = data(diff("--json"))
    assert [each["share"] for each in found["changes"]] == [total(exponent=3) - total()]
    assert "raw files of run 1 are no longer there" in found["notes"][0]


def test_without_the_raw_files_of_either_run_nothing_is_explained(toy: Toy, diff: Invoke) -> None:
    run(toy)
    toy.raw.write_text("7\n8\n")
    run(toy, power__exponent=3)
    toy.raw.write_text("9\n")
    assert "the raw files of runs 1 and 2 are no longer there" in diff(code=2).stderr


def test_runs_that_differ_in_no_setting_are_not_explained(toy: Toy, diff: Invoke) -> None:
    run(toy)
    run(toy, power__exponent=3)
    edit_log(toy, 1, {"power.exponent": 2})
    assert "differ in no setting that affects total" in diff(code=2).stderr


def test_a_run_without_the_metric_is_not_explained(toy: Toy, diff: Invoke) -> None:
    run(toy)
    toy.settings = {"power.exponent": 3}
    toy.run("power")
    error = diff(code=2).stderr
    assert "run 2 has no total" in error
    assert "hint:" in error


def test_the_options_of_an_explanation_want_one(toy: Toy, call: Invoke) -> None:
    run(toy)
    assert "go with --explain" in call("diff", "1", "1", "--seeds", "2", code=2).stderr
