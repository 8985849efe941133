"""Everything that a person sees in the terminal: plans, tables, progress and errors."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pipeline.config import Config, toml_text
from pipeline.plan import Action, Decision, Plan, Reason
from pipeline.receipt import Receipt
from pipeline.stage import Progress, Stage, upstream

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from pipeline.run import RunResult, StageResult

SHOWN = 2  # reasons shown in a table; --json has them all
DONE = {
    Action.RUN: "ran",
    Action.RESTORE: "restored",
    Action.FRESH: "fresh",
    Action.LEFT: "left as it is",
    Action.MAY_RUN: "may run",
}


def reasons_text(reasons: Sequence[Reason]) -> str:
    """Join the first reasons, and say how many more there are."""
    text = "; ".join(str(reason) for reason in reasons[:SHOWN])
    return f"{text}; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else text


def figure_text(name: str, value: object) -> str:
    """Write a figure as people say it: a share named accuracy or score in percent."""
    if isinstance(value, float):
        shown = f"{value:.2%}".replace("%", " %") if name.endswith(("accuracy", "score")) else f"{value:.4g}"
    else:
        shown = f"{value:,}" if isinstance(value, int) else str(value)
    return f"{name} {shown}"


def figures_text(receipt: Receipt | None) -> str:
    """Join the figures of a finished stage."""
    return ", ".join(figure_text(name, value) for name, value in receipt.figures.items()) if receipt else ""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str] = ()) -> None:
    """Print a table on standard output, as wide as the terminal allows; never cut, but wrapped."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def echo(text: str) -> None:
    """Print a line of results on standard output."""
    print(text)  # noqa: T201 - the one place that does


def tell(text: str) -> None:
    """Print a line for people on standard error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the one place that does


def reason_data(reason: Reason) -> dict[str, Any]:
    """Return a reason as plain data."""
    return {
        "kind": reason.kind.value,
        "subject": reason.subject,
        "before": reason.before,
        "after": reason.after,
        "text": str(reason),
    }


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data."""
    return {
        "stale": plan.stale,
        "stages": [
            {
                "stage": decision.stage,
                "action": decision.action.value,
                "reasons": [reason_data(reason) for reason in decision.reasons],
            }
            for decision in plan.decisions
        ],
    }


def config_data(config: Config) -> dict[str, Any]:
    """Return every setting with its value and origin as plain data."""
    settings = {
        f"{stage}.{key}": {"value": value, "origin": config.origins[f"{stage}.{key}"]}
        for stage in config.parameters
        for key, value in config.values(stage).items()
    }
    return {"preset": config.preset, "settings": settings}


def print_plan(plan: Plan) -> None:
    """Print what would happen to each stage and why."""
    rows = [(item.stage, item.action.value, reasons_text(item.reasons)) for item in plan.decisions]
    print_table(("stage", "plan", "why"), rows)


def result_data(result: RunResult, folder: str) -> dict[str, Any]:
    """Return what became of a run as plain data."""
    return {
        "stages": [
            {
                "stage": done.stage,
                "action": DONE[done.action],
                "reasons": [reason_data(reason) for reason in done.reasons],
                "seconds": round(done.seconds, 3),
                "figures": dict(done.receipt.figures) if done.receipt else {},
                "warnings": list(done.receipt.warnings) if done.receipt else [],
                "outputs": [f"{folder}/{done.stage}/{name}" for name in done.receipt.outputs] if done.receipt else [],
                "origin": done.receipt.origin if done.receipt else "",
            }
            for done in result.stages
        ],
        "notices": notices(result),
    }


def notices(result: RunResult) -> list[str]:
    """Return what must be said of where the data came from, once each."""
    return sorted({done.receipt.notice for done in result.stages if done.receipt and done.receipt.notice})


def print_result(result: RunResult, stages: Sequence[Stage], folder: str, *, quiet: bool) -> None:
    """Print the table at the end of a run, what was noticed, and where the results lie."""
    if not quiet:
        _print_stages(result)
        for path in result_paths(result, stages, folder):
            echo(path)
    for done in result.stages:
        for warning in done.receipt.warnings if done.receipt else ():
            tell(f"warning: {warning}")
    for notice in notices(result):
        tell(banner(notice))


def _print_stages(result: RunResult) -> None:
    """Print a row for each stage, or one line where there was nothing to do."""
    if result.did_something:
        rows = [
            (
                done.stage,
                DONE[done.action],
                reasons_text(done.reasons),
                f"{done.seconds:.1f}",
                figures_text(done.receipt),
            )
            for done in result.stages
        ]
        print_table(("stage", "done", "why", "seconds", "figures"), rows, numbers=("seconds",))
        return
    count = len(result.stages)
    echo(f"Nothing to do: {'the stage is' if count == 1 else f'all {count} stages are'} fresh.")
    for done in result.stages:
        if text := figures_text(done.receipt):
            echo(f"  {done.stage}: {text}")


def result_paths(result: RunResult, stages: Sequence[Stage], folder: str) -> list[str]:
    """Return the files of the stages that no other stage reads: what the run was for."""
    read = {other.name for stage in stages for other in upstream(stage, tuple(stages))}
    return [
        f"{folder}/{done.stage}/{name}"
        for done in result.stages
        if done.stage not in read and done.receipt
        for name in done.receipt.outputs
    ]


def banner(text: str) -> str:
    """Frame what must not be overlooked."""
    rule = "=" * min(len(text), 78)
    return f"{rule}\n{text}\n{rule}"


def print_config(config: Config, stages: Sequence[Stage]) -> None:
    """Print the resolved settings as TOML, each with its origin; what is not set stands as a comment."""
    lines = [f'preset = "{config.preset}"'] if config.preset else []
    for stage in stages:
        lines += ["", f"[{stage.name}]"] if lines else [f"[{stage.name}]"]
        for key, value in config.values(stage.name).items():
            setting = f"{key} = {toml_text(value)}"
            line = f"# {setting}" if value is None else setting
            lines.append(f"{line:<40} # {config.origins[f'{stage.name}.{key}']}")
    echo("\n".join(lines))


def print_dag(stages: Sequence[Stage]) -> None:
    """Print each stage, what it reads and what it writes."""
    rows = [
        (
            stage.name,
            stage.summary,
            ", ".join(other.name for other in upstream(stage, tuple(stages))) or "raw files",
            ", ".join(artifact.file_name for artifact in stage.outputs),
        )
        for stage in stages
    ]
    print_table(("stage", "what it does", "reads", "writes"), rows)


def dag_data(stages: Sequence[Stage]) -> dict[str, Any]:
    """Return the stages and their artifacts as plain data."""
    return {
        stage.name: {
            "summary": stage.summary,
            "inputs": list(stage.inputs),
            "outputs": [artifact.path for artifact in stage.outputs],
            "after": [other.name for other in upstream(stage, tuple(stages))],
        }
        for stage in stages
    }


class Terminal:
    """Shows stages as they run, on standard error: bars on a terminal, plain lines elsewhere, nothing if quiet."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bars: Bars | None = None
        self._live = sys.stderr.isatty() and not quiet and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, text: str) -> None:
        """Show one line above the bars."""
        if self.quiet:
            return
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            tell(text)

    def started(self, decision: Decision) -> Progress:
        """Begin a stage's line."""
        if not self._live:
            self.say(f"{decision.stage}: {reasons_text(decision.reasons)}")
            return silent_progress
        bars = self._started_bars()
        return _BarProgress(bars, bars.add_task(decision.stage, total=None, note="", rate=""))

    def finished(self, result: StageResult) -> None:
        """End a stage's line with its time and its figures."""
        if result.action not in {Action.RUN, Action.RESTORE}:
            return
        text = f"{result.stage}: {DONE[result.action]} in {result.seconds:.1f} s"
        figures = figures_text(result.receipt)
        if self._bars is not None and self._bars.task_ids and result.action is Action.RUN:
            task = self._bars.task_ids[-1]
            total = self._bars.tasks[-1].total or 1
            self._bars.update(task, total=total, completed=total, note=figures, rate=f"{result.seconds:.1f} s")
        else:
            self.say(f"{text}; {figures}" if figures else text)

    def _started_bars(self) -> Bars:
        if self._bars is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            self._bars = RichProgress(
                TextColumn("{task.description:<9}"),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[rate]:>16}"),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[note]}"),
                console=Console(stderr=True),
            )
            self._bars.start()
        return self._bars


def silent_progress(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
    """Take a stage's progress and show nothing."""


class _BarProgress:
    """One stage's bar; it is redrawn ten times a second at the most, however often the stage reports."""

    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task
        self._started = self._drawn = time.monotonic()

    def __call__(self, done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
        now = time.monotonic()
        if now - self._drawn < 0.1 and done < total:
            return
        self._drawn = now
        rate = done / max(now - self._started, 1e-9)
        self._bars.update(self._task, total=total, completed=done, note=note, rate=f"{rate:,.0f} {unit}/s")
