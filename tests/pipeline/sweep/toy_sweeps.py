"""What tests of sweeps over the toy project share."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result
from toy_project import oracle

GRID = ("--grid", "power.exponent=1,3,2", "--grid", "total.start=0,10")


def data(result: Result) -> dict[str, Any]:
    """What a command called with ``--json`` printed."""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def total(**settings: Any) -> int:
    """What a trial comes to, from scratch."""
    found: int = json.loads(oracle(**settings)["total/summary.json"])["total"]
    return found
