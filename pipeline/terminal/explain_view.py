"""What a person sees of an explanation: what it costs, and the share of each change."""

from __future__ import annotations

from typing import Any

from pipeline.explain.changes import Change
from pipeline.explain.experiment import Cost, Experiment, Explanation
from pipeline.explain.shapley_shares import Share
from pipeline.figures import SHARE, counted
from pipeline.sweep.objective import Metric
from pipeline.terminal.output import echo, notify, print_table
from pipeline.write_toml import toml_text


def print_cost(experiment: Experiment, cost: Cost) -> None:
    """Say how many runs are made, and how long that may take."""
    n_missing = cost.n_runs - cost.n_stored
    changes, seeds = counted(len(experiment.changes), "change"), counted(len(experiment.trials), "seed")
    notify(
        f"{changes}, {seeds}: {counted(cost.n_runs, 'run')}, of which {cost.n_stored:,} are stored and "
        f"{n_missing:,} will be made{_time(cost, n_missing)}"
    )


def _time(cost: Cost, n_missing: int) -> str:
    if not n_missing or cost.seconds is None:
        return ""
    each, total = cost.seconds, cost.seconds * n_missing
    whole = f"{total / 60:.0f} minutes" if total >= 120 else f"{total:.0f} seconds"
    return f"; a run took {each:.0f} seconds before, so about {whole}"


def print_explanation(experiment: Experiment, explanation: Explanation) -> None:
    """Print the share of each change, and the whole movement."""
    metric = experiment.metric
    rows = [
        (*_texts(change), *_movement(metric, share), _remark(share))
        for change, share in zip(experiment.changes, explanation.shares, strict=True)
    ]
    rows += [(*_texts(change), "", "", f"does not affect {metric.name}") for change in experiment.without_bearing]
    print_table(("change", "before", "after", "moved it by", "95 %", "remark"), rows, numbers=("moved it by",))
    moved, interval = _movement(metric, explanation.movement)
    within = f" (95 %: {interval})" if interval else ""
    before, after = metric.text(explanation.before), metric.text(explanation.after)
    echo(f"{metric.name}: {before} -> {after}, {moved}{within}, mean of {counted(len(experiment.trials), 'seed')}")
    if len(experiment.trials) == 1:
        echo("One seed cannot tell a cause from chance: --seeds 3 can.")
    for note in explanation.notes:
        notify(f"note: {note}")


def _remark(share: Share) -> str:
    if share.interval is None:
        return ""
    return "moved nothing" if share.interval == (0, 0) else "may be chance" if share.may_be_chance else ""


def _texts(change: Change) -> tuple[str, str, str]:
    before, after = ("\n".join(map(toml_text, values.values())) for values in (change.before, change.after))
    return "\n".join(change.after), before, after


def _movement(metric: Metric, share: Share) -> tuple[str, str]:
    """Write a movement and its interval as a person reads them; for a share, in percentage points."""

    def text(value: float) -> str:
        return f"{100 * value:+.2f}" if metric.unit == SHARE else f"{value:+.4g}"

    unit = " points" if metric.unit == SHARE else ""
    return text(share.mean) + unit, f"{text(share.interval[0])} to {text(share.interval[1])}" if share.interval else ""


def cost_data(experiment: Experiment, cost: Cost) -> dict[str, Any]:
    """Return what an explanation costs as plain data."""
    return {
        "changes": [_change_data(change) for change in experiment.changes],
        "seeds": len(experiment.trials),
        "runs": cost.n_runs,
        "stored": cost.n_stored,
        "seconds_each": cost.seconds,
    }


def explanation_data(experiment: Experiment, explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain data."""
    return {
        "metric": experiment.metric.name,
        "seeds": len(experiment.trials),
        "before": explanation.before,
        "after": explanation.after,
        "movement": _share_data(explanation.movement),
        "changes": [
            _change_data(change) | _share_data(share)
            for change, share in zip(experiment.changes, explanation.shares, strict=True)
        ],
        "without_bearing": [_change_data(change) for change in experiment.without_bearing],
        "notes": list(explanation.notes),
    }


def _change_data(change: Change) -> dict[str, Any]:
    return {"before": dict(change.before), "after": dict(change.after)}


def _share_data(share: Share) -> dict[str, Any]:
    return {"share": share.mean, "interval": list(share.interval) if share.interval else None}
