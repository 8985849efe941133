"""What tests of sweeps over the toy project share."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

from pipeline.sweep.objective import Metric, Objective

Invoke = Callable[..., Result]

OBJECTIVE = Objective(
    metrics=(
        Metric("total", "total/summary.json", highest_is_best=True),
        Metric("share_accuracy", "total/summary.json", highest_is_best=True, unit="share"),
    ),
    budget="load.limit",
    folds="total.start",
)
GRID = ("--grid", "power.exponent=1,3,2", "--grid", "total.start=0,10")
