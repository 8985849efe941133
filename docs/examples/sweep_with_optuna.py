"""Let Optuna choose what to try, and `pipeline sweep` try it.

    pip install optuna
    python docs/examples/sweep_with_optuna.py TRIALS [OPTIONS]

The options go to `pipeline sweep`. Optuna remembers its trials in optuna.db, the pipeline has what they trained: both
go on where they were when this is called again. Trials never change what is current in artifacts/.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import optuna


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The space: change it as you like."""
    width = trial.suggest_int("width", 64, 1024, log=True)
    return {
        "train.learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        "train.dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "train.activation": trial.suggest_categorical("activation", ["relu", "gelu"]),
        "train.hidden": [width, width // 2][: trial.suggest_int("layers", 1, 2)],
    }


def accuracy(trial: optuna.Trial) -> float:
    settings = [f"{name}={json.dumps(value)}" for name, value in suggest(trial).items()]  # JSON of these is TOML too
    grid = [word for setting in settings for word in ("--grid", setting)]
    done = subprocess.run(  # noqa: S603 - the words are the caller's own
        ["pipeline", "sweep", *grid, *sys.argv[2:], "--json"],  # noqa: S607 - whichever is installed
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not done.stdout:  # wrong usage, or interrupted: pipeline has said what
        sys.exit(done.returncode)
    (result,) = json.loads(done.stdout)["trials"]
    if result["outcome"] == "failed":
        raise optuna.TrialPruned(result["problem"])
    return float(result["accuracy"])


if __name__ == "__main__":
    study = optuna.create_study(
        study_name="digits",
        storage="sqlite:///optuna.db",
        load_if_exists=True,
        direction="maximize",
    )
    study.optimize(accuracy, n_trials=int(sys.argv[1]))
    print(f"{study.best_value:.4f} with {study.best_params}")  # noqa: T201 - a script
