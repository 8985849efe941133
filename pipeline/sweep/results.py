"""What came of trials, as plain data and in words."""

from __future__ import annotations

from typing import Any

from pipeline.sweep.trials import Result, Sweep, is_within_noise


def metrics_text(sweep: Sweep, result: Result) -> str:
    """Write the metrics of a trial that succeeded."""
    return ", ".join(f"{metric.name} {metric.text(result.values[metric.name])}" for metric in sweep.metrics)


def result_data(sweep: Sweep, result: Result, best: Result | None) -> dict[str, Any]:
    """Return what came of a trial as plain data."""
    return {
        "number": result.trial.number,
        "settings": dict(result.trial.settings),
        "outcome": "failed" if result.problem else "done" if result.is_final else "stopped",
        sweep.budget: result.budget,
        **dict(result.values),
        "interval": list(result.interval) if result.interval else None,
        "within_noise_of_best": result is best or (best is not None and is_within_noise(result, best)),
        "seconds": result.seconds,
        "new": result.is_new,
        "problem": result.problem,
    }
