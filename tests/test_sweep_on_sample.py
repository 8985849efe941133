"""A sweep over the real stages: side by side, resumed, with a training that diverges, and the same bytes as a run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.config import load_config
from pipeline.logs.run_log import read_runs
from pipeline.sweep.sweep_files import settings_toml
from pipeline.terminal.sweep_view import SweepTerminal
from stages import STAGES
from stages.presets import PRESETS

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

TINY = tuple(f"--set={setting}" for setting in ("train.hidden=[8]", "train.epochs=2", "train.replicas=1"))
GRID = ("--grid", "train.learning_rate=1e30,2e-2", "--folds", "2", "--set", "train.processes=2")


def invoke(folder: Path, *words: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, [*words, *TINY, "--json", "-C", str(folder)])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def generations(folder: Path, stage: str) -> set[str]:
    return {path.name for path in (folder / "artifacts/.store" / stage).iterdir()} - {"partial_results"}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("swept")
    return folder, invoke(folder, "sweep", *GRID)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_written_as_the_best_settings(preset: str, tmp_path: Path) -> None:
    config = load_config(STAGES, PRESETS, tmp_path, preset=preset, environment={})
    (tmp_path / "pipeline.toml").write_text(settings_toml(config, STAGES, ()))
    read = load_config(STAGES, PRESETS, tmp_path, environment={})
    assert read.parameters == config.parameters


def test_a_learning_rate_that_diverges_fails_and_the_other_is_judged_by_folds(
    swept: tuple[Path, dict[str, Any]],
) -> None:
    _, found = swept
    best, failed = found["trials"]
    assert found["best"] == best["number"] == 2
    low, high = best["interval"]
    assert low < best["accuracy"] < high < low + 0.06  # 1,294 rows; the 144 validation rows would leave it wider
    assert failed["problem"].startswith("the training diverged")


def test_every_key_of_its_json_is_documented(swept: tuple[Path, dict[str, Any]]) -> None:
    _, found = swept
    page = (Path(__file__).parents[1] / "docs/sweep.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", page, flags=re.MULTILINE))
    assert documented == {*found, *(f"trials[].{key}" for trial in found["trials"] for key in trial)}


def test_trials_side_by_side_give_the_bytes_of_a_run_alone(swept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = swept
    alone = ("--set=train.learning_rate=2e-2", "--set=train.folds=2", "--set=train.processes=1")
    invoke(tmp_path, "run", "evaluate", *alone)
    assert generations(tmp_path, "train") == generations(folder, "train")
    assert generations(tmp_path, "evaluate") == generations(folder, "evaluate")


def test_the_same_sweep_again_trains_nothing_and_a_run_takes_the_best_over(
    swept: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = swept
    titles, watching = [], SweepTerminal.watching
    monkeypatch.setattr(SweepTerminal, "watching", lambda self, title: (titles.append(title), watching(self, title))[1])
    before = generations(folder, "train"), len(read_runs(folder / "artifacts"))
    again = invoke(folder, "sweep", *GRID)
    assert (generations(folder, "train"), len(read_runs(folder / "artifacts"))) == (before[0], before[1] + 1)
    assert titles[-2:] == ["1 trial", "trial 1 of 2"]
    assert [trial["new"] for trial in again["trials"]] == [False, True]  # who knows, it may not diverge today
    assert [trial["seconds"] for trial in again["trials"]] == [trial["seconds"] for trial in found["trials"]]
    (folder / "pipeline.toml").write_text(Path(again["files"]["best"]).read_text())
    result = CliRunner().invoke(main, ["run", "evaluate", "--json", "-C", str(folder)])
    assert {stage["action"] for stage in json.loads(result.stdout)["stages"]} == {"restored"}
    metrics = json.loads((folder / "artifacts/evaluate/metrics.json").read_text())
    assert metrics["accuracy"] == found["trials"][0]["accuracy"]


def test_a_run_like_a_trial_takes_over_what_that_has_trained(swept: tuple[Path, dict[str, Any]]) -> None:
    folder, found = swept
    best = next(run for run in read_runs(folder / "artifacts") if run.trial.get("number") == found["best"])
    plan = invoke(folder, "run", "evaluate", "--like", str(best.id), "--dry-run")
    assert not {stage["action"] for stage in plan["stages"]} & {"will run", "may run"}
    assert invoke(folder, "config", "--like", str(best.id))["settings"]["train.folds"]["value"] == 2
