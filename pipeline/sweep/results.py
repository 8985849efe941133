"""The results of trials: their ranking, and the results as plain data and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.sweep.trials import Sweep, Trial


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result of a trial: its metrics and the interval of one of them, or its ``problem``.

    ``rung`` counts from 0; ``is_final`` is whether the trial had the whole budget, and ``is_new`` whether anything
    had to be done for it. ``seconds`` is how long its results took, now or earlier.
    """

    trial: Trial
    rung: int
    budget: Any
    is_final: bool
    values: Mapping[str, float]
    interval: tuple[float, float] | None = None
    seconds: float | None = None
    is_new: bool = False
    problem: str = ""


def ranked(sweep: Sweep, results: Iterable[TrialResult]) -> tuple[TrialResult, ...]:
    """Sort the best to the front: those that had the largest budget, among them by the metrics, failed ones last."""

    def place(result: TrialResult) -> tuple[Any, ...]:
        values = (
            -result.values[metric.name] if metric.highest_is_best else result.values[metric.name]
            for metric in sweep.metrics
            if not result.problem
        )
        return (bool(result.problem), -result.rung, *values, result.trial.number)

    return tuple(sorted(results, key=place))


def best_of(results: Sequence[TrialResult]) -> TrialResult | None:
    """Return the best trial of ranked results, None if all have failed."""
    return next((result for result in results if not result.problem), None)


def is_within_noise(result: TrialResult, best: TrialResult) -> bool:
    """Whether the rows are too few to distinguish a result from the best: their intervals overlap."""
    if result.interval is None or best.interval is None or result.rung != best.rung:
        return False
    return result.interval[0] <= best.interval[1] and best.interval[0] <= result.interval[1]


def metrics_text(sweep: Sweep, result: TrialResult) -> str:
    """Write the metrics of a trial that succeeded."""
    return ", ".join(f"{metric.name} {metric.text(result.values[metric.name])}" for metric in sweep.metrics)


def result_data(sweep: Sweep, result: TrialResult, best: TrialResult | None) -> dict[str, Any]:
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
