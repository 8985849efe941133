"""Sweeps over the toy project: what is tried, what is kept, what is told, and that nothing of the user's is touched."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from toy_project import NAMES, Invoke, Toy, oracle, ran
from toy_sweeps import GRID, data, total

from pipeline.errors import ConfigError, DataError
from pipeline.logs.run_log import read_runs
from pipeline.sweep import results
from pipeline.sweep import trials as sweeps
from pipeline.sweep.objective import Metric, Objective
from pipeline.sweep.run_sweep import SweepRun
from pipeline.sweep.trials import make_sweep
from pipeline.terminal import sweep_view


def trials_run(toy: Toy) -> list[int]:
    """The numbers of the trials for which something ran, as the log has them."""
    return [run.trial["number"] for run in read_runs(toy.artifacts) if "number" in run.trial]


def test_a_grid_is_tried_and_ranked_by_the_objective(invoke: Invoke) -> None:
    found = data(invoke(*GRID, "--json"))
    totals = {
        number: total(exponent=exponent, start=start)
        for number, (exponent, start) in enumerate(((e, s) for e in (1, 3, 2) for s in (0, 10)), 1)
    }
    assert [trial["number"] for trial in found["trials"]] == sorted(totals, key=lambda number: -totals[number])
    assert {trial["number"]: trial["total"] for trial in found["trials"]} == totals
    assert found["best"] == 4
    assert found["trials"][0]["settings"] == {"power.exponent": 3, "total.start": 10}
    assert {trial["outcome"] for trial in found["trials"]} == {"done"}


def test_another_objective_decides_and_the_others_break_ties(invoke: Invoke) -> None:
    found = data(invoke(*GRID, "--objective", "share_accuracy", "--json"))  # it is the same for all
    assert found["best"] == 4
    assert found["objective"] == "share_accuracy"
    assert "did you mean 'total'?" in invoke(*GRID, "--objective", "totl", code=2).stderr


def test_what_is_current_stays_current_and_what_trials_have_in_common_is_done_once(toy: Toy, invoke: Invoke) -> None:
    toy.run()
    before = toy.files(), {name: (toy.artifacts / name).readlink() for name in NAMES}
    found = data(invoke(*GRID, "--json"))
    assert (toy.files(), {name: (toy.artifacts / name).readlink() for name in NAMES}) == before
    assert ran(toy.run()) == []
    assert [trial["new"] for trial in sorted(found["trials"], key=lambda trial: trial["number"])] == [
        *([True] * 4),
        False,  # the one that was current
        True,
    ]
    assert all("load" not in run.stages or run.stages["load"] == "fresh" for run in read_runs(toy.artifacts)[1:])


def test_a_sweep_makes_no_result_current_and_a_run_uses_its_results(toy: Toy, invoke: Invoke) -> None:
    invoke(*GRID)
    assert [name for name in NAMES if (toy.artifacts / name).exists()] == []
    toy.settings = {"power.exponent": 3}
    assert ran(toy.run()) == []
    assert toy.files() == oracle(exponent=3)


def test_the_same_sweep_again_runs_nothing_and_a_larger_one_what_is_missing(toy: Toy, invoke: Invoke) -> None:
    first = data(invoke(*GRID, "--json"))
    n_runs = len(read_runs(toy.artifacts))
    second = data(invoke(*GRID, "--json"))
    assert len(read_runs(toy.artifacts)) == n_runs
    assert second["sweep"] == first["sweep"]
    assert not any(trial["new"] for trial in second["trials"])
    assert [trial["total"] for trial in second["trials"]] == [trial["total"] for trial in first["trials"]]
    larger = data(invoke("--grid", "power.exponent=1,3,2,4", "--grid", "total.start=0,10", "--json"))
    assert sorted(trial["number"] for trial in larger["trials"] if trial["new"]) == [7, 8]


def test_an_interrupted_sweep_keeps_its_trials_and_goes_on(
    toy: Toy, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_trial = SweepRun.run_trial

    def interrupted(going: SweepRun, trial: sweeps.Trial, *rest: Any) -> results.TrialResult:
        if trial.number == 3:
            raise KeyboardInterrupt
        return run_trial(going, trial, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(SweepRun, "run_trial", interrupted)
        result = invoke(*GRID, code=130)
    assert "trials finished and kept: 2" in result.stderr
    assert trials_run(toy) == [1, 2]
    assert not (toy.work / "sweeps").exists()
    found = data(invoke(*GRID, "--json"))
    assert sorted(trial["number"] for trial in found["trials"] if trial["new"]) == [3, 4, 5, 6]
    assert trials_run(toy) == [1, 2, 3, 4, 5, 6]


def test_every_trial_is_in_the_log_as_one_of_its_sweep(toy: Toy, call: Invoke, invoke: Invoke) -> None:
    found = data(invoke(*GRID, "--json"))
    runs = read_runs(toy.artifacts)
    assert runs[0].trial == {"sweep": found["sweep"]}
    assert list(runs[0].stages) == ["load", "parity"]
    assert [run.trial for run in runs[1:]] == [{"sweep": found["sweep"], "number": number} for number in range(1, 7)]
    assert runs[-1].changed == {"power.exponent": 2, "total.start": 10}
    assert runs[-1].figures["total: total"] == total(start=10)
    assert f"sweep {found['sweep']}, trial 6: " in call("runs").stdout


def test_a_trial_that_fails_is_recorded_and_the_others_go_on(toy: Toy, invoke: Invoke) -> None:
    result = invoke("--grid", "total.fails=true,false", "--grid", "power.exponent=2,3")
    assert "trial 1, 2 failed: it was told to fail" in result.stderr
    assert "trial 1 of 4: total.fails=true power.exponent=2: failed: it was told to fail" in result.stderr
    assert [run.outcome for run in read_runs(toy.artifacts)] == ["done", "failed", "failed", "done", "done"]
    found = data(invoke("--grid", "total.fails=true,false", "--grid", "power.exponent=2,3", "--json"))
    assert found["best"] == 4
    assert [trial["outcome"] for trial in found["trials"]] == ["done", "done", "failed", "failed"]
    assert [trial["problem"] for trial in found["trials"][2:]] == ["it was told to fail"] * 2


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--json",)])
@pytest.mark.parametrize(
    ("words", "trial"),
    [
        (("--grid", "power.exponent=3,9"), "trial 2 of 2: power.exponent=9"),
        (("--grid", "power.exponent=3,9", "--grid", "total.start=0,1"), "trial 3 of 4: power.exponent=9 total.start=0"),
        (("--random", "3", "power.exponent=3,9,none", "--seed", "1"), "trial "),
        (("--set", "total.waits=true", "--grid", "total.fails=false,true"), "trial 2 of 2: total.fails=true"),
    ],
)
def test_a_value_that_no_trial_can_have_is_refused_before_any_work(
    toy: Toy, invoke: Invoke, words: tuple[str, ...], trial: str, more: tuple[str, ...]
) -> None:
    result = invoke(*words, *more, code=2)
    assert result.stdout == ""
    assert f"  where: {trial}" in result.stderr
    assert not toy.artifacts.exists()


def test_a_trial_whose_values_do_not_fit_together_is_told_of_and_the_others_go_on(invoke: Invoke) -> None:
    words = ("--grid", "total.fails=true,false", "--grid", "total.waits=true,false")
    trials = data(invoke(*words, "--dry-run", "--json"))["trials"]
    assert [bool(trial["problem"]) for trial in trials] == [True, False, False, False]
    assert "invalid: the settings of total do not fit together" in " ".join(invoke(*words, "--dry-run").stdout.split())
    words = ("--grid", "total.fails=true,false", "--grid", "power.exponent=2", "--set", "total.start=1")
    assert data(invoke(*words, "--json"))["best"] == 2


def test_a_sweep_is_refused_if_the_values_of_no_trial_fit_together(toy: Toy, invoke: Invoke) -> None:
    words = ("--grid", "total.fails=true", "--grid", "total.waits=true")
    for more in ((), ("--dry-run",)):
        result = invoke(*words, *more, code=2)
        assert "error: the settings of total do not fit together" in result.stderr
        assert "  where: trial 1 of 1: total.fails=true total.waits=true" in result.stderr
    assert not toy.artifacts.exists()


def test_a_drawn_number_is_not_refused_for_the_values_beside_it(invoke: Invoke) -> None:
    words = ("--random", "8", "total.fails=true,false", "total.waits=true,false", "total.start=0..99999")
    trials = data(invoke(*words, "--dry-run", "--json"))["trials"]
    assert {bool(trial["problem"]) for trial in trials} == {True, False}


def test_a_sweep_without_a_single_success_fails(toy: Toy, invoke: Invoke) -> None:
    result = invoke("--grid", "power.exponent=2,3", "--set", "total.fails=true", code=1)
    hint = "pipeline run all --set total.fails=true with a trial's settings shows the whole error"
    assert f"error: no trial succeeded\n  hint:  {hint}\n" in result.stderr
    assert sorted(path.name for path in (toy.work / "sweeps").rglob("*.*")) == ["trials.csv"]


def test_what_fails_for_all_trials_ends_the_sweep_at_once(toy: Toy, invoke: Invoke) -> None:
    toy.raw.write_text("only words\n")
    result = invoke(*GRID, code=1)
    assert result.stderr.endswith(
        f"error: there is no number in it\n  where: {toy.raw.relative_to(toy.work)}\n  hint:  add one\n"
    )
    assert trials_run(toy) == []


def test_the_same_settings_are_tried_once(invoke: Invoke) -> None:
    found = data(invoke("--random", "40", "power.exponent=1..3", "--json"))
    assert sorted(trial["settings"]["power.exponent"] for trial in found["trials"]) == [1, 2, 3]
    assert found["trials"][0]["total"] == total(exponent=3)


def test_a_dry_run_lists_the_trials_and_writes_nothing(toy: Toy, invoke: Invoke) -> None:
    result = invoke(*GRID, "--dry-run")
    assert result.stdout.count("will run") == 6
    assert not toy.artifacts.exists()
    toy.settings = {"power.exponent": 3}
    toy.run()
    listed = data(invoke(*GRID, "--dry-run", "--json"))
    assert [trial["number"] for trial in listed["trials"] if trial["done"]] == [3]
    assert not (toy.work / "sweeps").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "a sweep takes --grid"),
        (("--random", "3"), "a sweep takes --grid"),
        (("power.exponent=1..3",), "a sweep takes --grid"),
        (("--random", "0", "power.exponent=1..3"), "not in the range"),
        (("--grid", "power.exponnet=1,2"), "did you mean 'exponent'?"),
        (("--random", "3", "powr.exponent=1..3"), "there is no stage 'powr'"),
        (("--grid", "power.exponent=7,8"), "power.exponent cannot be 7"),
        (("--random", "3", "power.exponent=0.5..3"), "is a whole number"),
        (("--grid", "power.exponent=1,2", "--halving"), "halving needs load.limit to be a whole number"),
        (("--grid", "power.exponent=1,2", "--preset", "cube"), "did you mean 'cubes'?"),
        (("--grid", "power.exponent=1,2", "-o", "old.toml"), "exists"),
        (("--grid", "power.exponent=1,2", "-o", "data", "--force"), "data is a folder"),
        (("--grid", "power.exponent=1,2", "-o", "nowhere/best.toml"), "lies in a folder that is not there"),
        (("--grid", "power.exponent=1,2", "-o", "artifacts/best.toml"), "where only stages write"),
        (("--grid", "power.exponent=1,2", "-o", "pipe", "--force"), "is not a plain file"),
        (("--grid", "power.exponent=1,2", "-o", "nowhere.toml"), "exists"),
        (("--random", str(10**9), "power.exponent=1..3"), "1,000,000,000 trials, and a sweep has at most 10,000"),
        (("--random", "9", "--grid", f"total.start={'0,' * 2000}0", "power.exponent=1..3"), "18,009 trials"),
    ],
)
def test_wrong_usage_is_told_before_anything_runs(toy: Toy, invoke: Invoke, words: tuple[str, ...], what: str) -> None:
    toy.artifacts.mkdir()
    os.mkfifo(toy.work / "pipe")
    (toy.work / "old.toml").touch()
    (toy.work / "nowhere.toml").symlink_to("elsewhere.toml")
    result = invoke(*words, code=2)
    assert what in result.stderr
    assert not (toy.artifacts / ".store").exists()


def test_the_help_shows_each_example_on_its_own_line(invoke: Invoke) -> None:
    lines = [line.strip() for line in invoke("--help").stdout.splitlines()]
    assert sum(line.startswith("pipeline sweep --") for line in lines) == 2
    assert not any("\\b" in line for line in lines)


def test_a_setting_without_bearing_on_the_objective_is_refused(toy: Toy) -> None:
    objective = Objective((Metric("rows", "load/numbers.json", highest_is_best=True),), "load.limit")
    with pytest.raises(ConfigError, match=r"total\.start does not affect load/numbers\.json"):
        make_sweep(toy.project(), objective, [{"total.start": 1}], lambda _: toy.project().config)


def test_preset_set_and_folds_hold_for_all_trials(invoke: Invoke) -> None:
    words = ("--preset", "cubes", "--set", "load.limit=2", "--folds", "7", "--grid", "power.exponent=2", "--json")
    found = data(invoke(*words, code=0))
    assert found["trials"][0]["total"] == total(limit=2, exponent=2, start=7)
    found = data(invoke("--preset", "cubes", "--grid", "load.limit=3", "--json"))
    assert found["trials"][0]["total"] == total(limit=3, exponent=3)


def test_halving_lets_the_best_third_go_on(toy: Toy, invoke: Invoke) -> None:
    """With few numbers others win than with many, so that every rung must be judged by its own figures."""
    numbers = [0, 2, 2, 9, 9, 9, 9, 9, 9]  # the first is best raised to 0, the first three are not
    toy.raw.write_text("\n".join(map(str, numbers)))
    candidates = [(exponent, start) for exponent in (0, 1, 2, 3, 4) for start in (0, 50)]

    def value(number: int, limit: int) -> int:
        exponent, start = candidates[number - 1]
        return total(raw=toy.raw.read_text(), limit=limit, exponent=exponent, start=start)

    standing, stopped = list(range(1, 11)), {}
    for limit, n_next in ((1, 3), (3, 1), (9, 0)):
        order = sorted(standing, key=lambda number: (-value(number, limit), number))
        stopped |= {number: (limit, value(number, limit)) for number in standing}
        standing = order[:n_next]
    words = ("--grid", "power.exponent=0,1,2,3,4", "--grid", "total.start=0,50", "--set", "load.limit=9", "--halving")
    found = data(invoke(*words, "--json"))
    assert {trial["number"]: (trial["load.limit"], trial["total"]) for trial in found["trials"]} == stopped
    assert [trial["load.limit"] for trial in found["trials"]] == [9, 3, 3, *[1] * 7]
    assert [trial["outcome"] for trial in found["trials"]] == ["done", *["stopped"] * 9]
    assert found["best"] != min(stopped, key=lambda number: (-value(number, 1), number))
    assert tomllib.loads(Path(found["files"]["best"]).read_text())["load"] == {"limit": 9}
    again = invoke(*words)
    assert "stopped at limit = 3" in " ".join(again.stdout.split())
    assert "trial 10 of 10: power.exponent=4 total.start=50 load.limit=1: total " in again.stderr
    assert "10 with 1/9 of their load.limit, then 3 with 1/3" in " ".join(invoke(*words, "--dry-run").stdout.split())


def test_a_sweep_ends_when_code_changes_since_this_process_has_imported_it(toy: Toy, invoke: Invoke) -> None:
    """A later trial would run the code that was imported and be certified as made by the code that stands there."""
    edits = iter([lambda: None, lambda: edit("OFFSET = 0", "OFFSET = 1")])

    def edit(old: str, new: str) -> None:
        path = toy.code / toy.package / "arithmetic/offset.py"
        path.write_text(path.read_text().replace(old, new))

    finished = sweep_view.SweepTerminal.finished

    def meddle(screen: sweep_view.SweepTerminal, result: results.TrialResult, sweep: sweeps.Sweep) -> None:
        finished(screen, result, sweep)
        next(edits)()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sweep_view.SweepTerminal, "finished", meddle)
        result = invoke("--grid", "power.exponent=1,3,2", code=1)
    assert "error: code or raw files have changed since the sweep began\n  hint:  run the same sweep" in result.stderr
    assert trials_run(toy) == [1, 2]
    found = data(invoke("--grid", "power.exponent=1,3,2", "--json"))
    assert {trial["number"]: trial["total"] for trial in found["trials"]} == {
        1: total(exponent=1, offset=1),
        2: total(exponent=3, offset=1),
        3: total(exponent=2, offset=1),
    }


def test_a_sweep_ends_when_the_raw_files_change_since_figures_could_not_be_compared(toy: Toy, invoke: Invoke) -> None:
    run_trial = SweepRun.run_trial

    def meddle(going: SweepRun, trial: sweeps.Trial, *rest: Any) -> results.TrialResult:
        if trial.number == 2:
            toy.raw.write_text("7\n")
        return run_trial(going, trial, *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SweepRun, "run_trial", meddle)
        assert "raw files have changed since the sweep began" in invoke(*GRID, code=1).stderr
    assert trials_run(toy) == [1]


def test_the_report_of_an_earlier_failure_stays_where_it_is(toy: Toy, invoke: Invoke) -> None:
    toy.run()
    toy.settings = {"total.fails": True}
    with pytest.raises(DataError):
        toy.run()
    assert "total/report.txt" in toy.files()
    invoke("--grid", "total.start=0,1")  # the first of them is what is current
    assert "total/report.txt" in toy.files()


def test_what_must_not_be_overlooked_is_said_at_the_start_and_at_the_end_and_once_if_quiet(
    toy: Toy, invoke: Invoke
) -> None:
    toy.raw.unlink()
    for words, times in (((), 2), ((), 2), (("--quiet",), 1)):  # from the second time on nothing is left to do
        assert invoke(*GRID, *words).stderr.count("this is the SAMPLE") == times
