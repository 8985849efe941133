"""A run as it stands in the log, made up."""

from __future__ import annotations

from dataclasses import replace

from pipeline.logs.run_log import Run


def make_run(number: int, **changes: object) -> Run:
    """A run of the stage power; ``changes`` are other values of its fields."""
    run = Run(
        id=number,
        started="2026-11-01T00:00:00+00:00",
        seconds=1.0,
        command="pipeline run all",
        outcome="done",
        error="",
        preset="",
        changed={},
        stages={"power": "run"},
        figures={"power: largest": 25},
        results={"power": "one"},
        parameters={"power.exponent": 2},
        sources={},
        inputs={"load/numbers.json": "aa"},
        code={"power": "cc"},
        libraries={"numpy": "2.0"},
    )
    return replace(run, **changes)
