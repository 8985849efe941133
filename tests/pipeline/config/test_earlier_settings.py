"""`--like RUN`: the settings of an earlier run, whatever the file, the environment and the defaults say by now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from toy_project import PRESETS, Toy, invoke, make_stages

from pipeline.config import Config, EarlierSettings, load_config, settings_text
from pipeline.errors import ConfigError
from pipeline.logs.run_log import read_runs
from pipeline.planning import settings_to_keep
from pipeline.planning.selection import Selection, settings_without_effect

STAGES = make_stages("toy_never_imported")
RUN = EarlierSettings(
    "run 3", "cubes", {"total.start": 7}, {"power.exponent": 3, "total.start": 7, "total.waits": False}
)


def like(folder: Path, run: EarlierSettings = RUN, **more: object) -> Config:
    return load_config(STAGES, PRESETS, folder, like=run, **{"environment": {}, **more})  # type: ignore[arg-type]  # words


def test_neither_the_file_nor_the_environment_applies(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text('preset = "gone"\n[load]\nlimit = 3')
    environment = {"PIPELINE_POWER_EXPONENT": "5", "PIPELINE_PRESET": "gone", "PIPELINE_LOAD_LIMITS": "4"}
    config = like(tmp_path, environment=environment)
    assert config.values("load") == {"path": None, "limit": None}
    assert (config.preset, config.values("power")["exponent"], config.values("total")["start"]) == ("cubes", 3, 7)
    assert config.origins["power.exponent"] == "preset cubes"
    assert config.origins["total.start"] == "run 3"
    assert config.changed() == {"total.start": 7}
    assert config.warnings == ()


def test_set_wins_over_the_run(tmp_path: Path) -> None:
    config = like(tmp_path, sets=("total.start=8", "power.exponent=2"))
    assert config.changed() == {"power.exponent": 2, "total.start": 8}
    assert config.text("run 3") == "preset cubes"


def test_the_runs_own_values_win_over_defaults_and_presets_that_have_changed(tmp_path: Path) -> None:
    run = EarlierSettings("run 1", "cubes", {}, {"power.exponent": 4, "total.start": 1, "load.limit": None})
    config = like(tmp_path, run)
    assert config.changed() == {"power.exponent": 4, "total.start": 1}
    assert config.text("run 1") == "preset cubes, power.exponent=4, total.start=1"


def test_a_setting_that_no_longer_exists_is_an_error_if_it_was_changed_and_else_a_warning(tmp_path: Path) -> None:
    gone = {"power.base": 2, "sums.start": 0}
    warnings = like(tmp_path, EarlierSettings("run 1", "", {}, gone)).warnings
    assert warnings == ("run 1 had settings that there are no more: power.base=2, sums.start=0",)
    for name in gone:
        with pytest.raises(ConfigError, match=r"there is no stage 'sums'|power has no setting 'base'") as raised:
            like(tmp_path, EarlierSettings("run 1", "", {name: 1}, gone))
        assert raised.value.where == f"{name} in run 1"


def test_a_preset_that_no_longer_exists_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no preset 'cube'"):
        like(tmp_path, EarlierSettings("run 1", "cube", {}, {}))


def test_a_preset_beside_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--preset and --like exclude each other: run 3 brings its own preset"):
        like(tmp_path, preset="cubes")


# --- as commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def in_toy(toy_of_commands: Toy) -> Toy:
    """A toy project in which run 1 had the preset cubes and another start, and run 2 the defaults."""
    invoke(toy_of_commands, "run", "all", "--preset", "cubes", "--set", "total.start=7")
    invoke(toy_of_commands, "run", "all")
    return toy_of_commands


def test_like_repeats_the_run_and_shows_its_settings(in_toy: Toy) -> None:
    (in_toy.work / "pipeline.toml").write_text("[power]\nexponent = 5\n")
    result = invoke(in_toy, "run", "all", "--like", "1")
    assert "settings of run 1: preset cubes, total.start=7\n" in result.stderr
    first, _, again = read_runs(in_toy.work / "artifacts")
    assert (again.preset, again.changed, again.parameters) == (first.preset, first.changed, first.parameters)
    assert again.results == first.results
    assert set(again.stages.values()) == {"fresh", "restore"}


def test_what_had_no_effect_on_a_run_is_not_repeated(in_toy: Toy) -> None:
    idle = ("--preset", "cubes", "--set", "power.exponent=4", "--set", "total.start=1")
    result = invoke(in_toy, "run", "total", "--only", *idle)
    assert "warning: --preset cubes has no effect on the stages to run\n" in result.stderr
    assert "warning: --set power.exponent has no effect on the stages to run\n" in result.stderr
    _, second, third = read_runs(in_toy.work / "artifacts")
    assert (third.preset, third.changed) == ("", {"total.start": 1})
    assert third.parameters == second.parameters | {"total.start": 1}  # of what it was built upon, too
    (in_toy.work / "pipeline.toml").write_text("[power]\nexponent = 5\n")
    assert invoke(in_toy, "status", "--like", "-1", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("file", "stage", "has_effect"),
    [
        ('preset = "validated"', "load", True),  # it takes away what the file's preset gave
        ('preset = "validated"', "total", False),
        ('preset = "gone"', "load", False),
        ('preset = "validated"\n[load]\nlimit = 4', "load", False),
        ("[power]\nexponent = 4", "power", False),
        ("", "power", True),
    ],
)
def test_a_preset_has_an_effect_where_it_changes_what_the_other_layers_give(
    tmp_path: Path, file: str, stage: str, *, has_effect: bool
) -> None:
    presets = {"validated": {"load": {"limit": 3}, "power": {"exponent": 1}}, "long": {"power": {"exponent": 3}}}
    (tmp_path / "pipeline.toml").write_text(file)
    config = load_config(STAGES, presets, tmp_path, preset="long", environment={})
    told = [] if has_effect else ["--preset long has no effect on the stages to run"]
    assert settings_without_effect(config, Selection((stage,))) == told


def test_a_run_was_built_upon_what_its_inputs_were_made_of_and_not_upon_a_later_result(in_toy: Toy) -> None:
    invoke(in_toy, "run", "load", "--only", "--set", "load.limit=2")
    invoke(in_toy, "run", "total", "--only", "--force")  # of a power that was made of the numbers before
    _, second, _, fourth = read_runs(in_toy.work / "artifacts")
    assert fourth.parameters == second.parameters


def test_diff_shows_the_settings_of_what_a_run_was_built_upon(in_toy: Toy) -> None:
    invoke(in_toy, "run", "total", "--only", "--force")
    assert re.search(r"parameter +power\.exponent +3 +2 ", invoke(in_toy, "diff", "1", "3").stdout)


@pytest.mark.parametrize(
    ("made", "idle", "file", "preset", "changed"),
    [
        (("--preset", "cubes"), (), "", "", {"power.exponent": 3}),
        (("--preset", "cubes"), ("--set", "power.exponent=4"), "", "", {"power.exponent": 3}),
        (("--preset", "cubes"), ("--preset", "cubes"), "", "cubes", {}),
        (("--preset", "cubes"), (), 'preset = "cubes"', "cubes", {}),
        (("--preset", "cubes"), (), "[power]\nexponent = 4", "", {"power.exponent": 3}),
        ((), ("--set", "power.exponent=4"), "", "", {}),
        ((), (), "[power]\nexponent = 4", "", {}),
        ((), (), 'preset = "cubes"', "", {}),
        ((), ("--set", "power.exponent=4"), 'preset = "cubes"', "", {}),
        (("--set", "power.exponent=4"), (), 'preset = "cubes"', "", {"power.exponent": 4}),
    ],
)
def test_runs_shows_the_settings_that_like_and_diff_use(
    in_toy: Toy, made: tuple[str, ...], idle: tuple[str, ...], file: str, preset: str, changed: dict[str, int]
) -> None:
    """Run 4 makes the total alone, so the settings of the other stages are those of run 3."""
    invoke(in_toy, "run", "all", "--force", *made)
    (in_toy.work / "pipeline.toml").write_text(file)
    invoke(in_toy, "run", "total", "--only", "--force", *idle)
    *_, third, last = read_runs(in_toy.work / "artifacts")
    assert last.parameters == third.parameters
    assert (last.preset, last.changed) == (preset, changed)
    shown = settings_text(preset, changed)
    assert shown in invoke(in_toy, "runs").stdout.splitlines()[-1]
    assert f"settings of run 4: {shown}\n" in invoke(in_toy, "status", "--like", "4", "--check").stderr


def test_a_plan_shows_what_such_a_run_would_change(in_toy: Toy) -> None:
    result = invoke(in_toy, "run", "all", "--like", "-2", "--dry-run")
    assert "power.exponent 2 -> 3" in result.stdout
    assert "settings of run 1" in result.stderr
    assert invoke(in_toy, "status", "--like", "-1", "--check").exit_code == 0
    assert "start = 7                                # run 1" in invoke(in_toy, "config", "--like", "1").stdout


@pytest.mark.parametrize("number", ["9", "0", "-3", "first", ""])
def test_a_run_that_is_not_there_is_an_error(in_toy: Toy, number: str) -> None:
    stderr = invoke(in_toy, "run", "all", "--like", number, code=2).stderr
    assert f"there is no run {number}" in stderr
    assert "hint:  pipeline runs lists them" in stderr


def test_where_many_settings_differ_a_plan_says_that_like_keeps_what_is_there(
    in_toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_to_keep, "MOST_NAMED", 1)  # a toy has few settings
    one, two = ("--set", "total.start=1"), ("--set", "power.exponent=3")
    like = "--like and the number of their run, which pipeline runs shows"
    assert "--like" not in invoke(in_toy, "status", *one).stdout
    told = f"to keep the present results, put {like}, in place of --set total.start=1 --set power.exponent=3."
    assert told in invoke(in_toy, "status", *one, *two).stdout
    assert invoke(in_toy, "status", "--like", "2", "--check").exit_code == 0
    monkeypatch.setattr(settings_to_keep, "MOST_NAMED", 4)
    monkeypatch.setattr(settings_to_keep, "LONGEST_NAMED", 10)
    invoke(in_toy, "run", "all", *one)
    assert f"to keep the present results, add {like}.\n" in invoke(in_toy, "status").stdout
    put = f"to keep the present results, put {like}, in place of --preset cubes."
    assert put in invoke(in_toy, "status", "--preset", "cubes").stdout
