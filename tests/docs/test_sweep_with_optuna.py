"""The script that lets Optuna search runs as it stands, with a stand-in for Optuna that draws the lowest value."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli import main

SCRIPT = Path(__file__).parents[2] / "docs/examples/sweep_with_optuna.py"


class TrialPruned(Exception):  # noqa: N818 - Optuna's name
    pass


class Trial:
    """Takes the lowest of everything, and remembers the names."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}

    def suggest(self, name: str, lowest: Any, *_: Any, **__: Any) -> Any:
        return self.params.setdefault(name, lowest)

    suggest_float = suggest_int = suggest

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        return self.suggest(name, choices[0])


class Study:
    def __init__(self) -> None:
        self.best_value, self.best_params = 0.0, {}
        self.pruned: list[str] = []

    def optimize(self, objective: Callable[[Any], float], n_trials: int) -> None:
        for _ in range(n_trials):
            trial = Trial()
            try:
                self.best_value, self.best_params = objective(trial), trial.params
            except TrialPruned as problem:
                self.pruned.append(str(problem))


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Study:
    made = Study()
    optuna: Any = ModuleType("optuna")
    optuna.Trial, optuna.TrialPruned = Trial, TrialPruned
    optuna.create_study = lambda **_: made
    monkeypatch.setitem(sys.modules, "optuna", optuna)

    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert words[0] == "pipeline"
        result = CliRunner().invoke(main, [*words[1:], "-C", str(tmp_path)])
        return subprocess.CompletedProcess(words, result.exit_code, result.stdout)

    monkeypatch.setattr(subprocess, "run", run)
    return made


def test_the_script_measures_what_optuna_suggests_and_leaves_out_what_fails(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["script", "1", "--set", "train.epochs=1", "--set", "train.replicas=1"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert 0 < study.best_value < 1
    assert set(study.best_params) == {"width", "layers", "learning_rate", "dropout", "activation"}
    assert "with {'width': 64" in capsys.readouterr().out
    assert not (tmp_path / "sweeps").exists()

    monkeypatch.setattr(
        sys, "argv", ["script", "1", "--set", "train.optimiser=sgd", "--set", "train.weight_decay=1e38"]
    )
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert [problem.partition(":")[0] for problem in study.pruned] == ["the training diverged"]

    monkeypatch.setattr(sys, "argv", ["script", "1", "--set", "train.epochs=0"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert caught.value.code == 2
