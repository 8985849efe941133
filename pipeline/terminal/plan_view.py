"""What a person sees of a plan, and of a run that has ended."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import first_few
from pipeline.figures import as_figure, values_of
from pipeline.planning.plan import Plan
from pipeline.planning.project import Project
from pipeline.planning.reasons import Action, Reason, reasons_text
from pipeline.planning.settings_to_keep import settings_to_keep
from pipeline.planning.snapshot import unfinished_work
from pipeline.printable_text import visible
from pipeline.stage import Stage, upstream
from pipeline.store.receipt import Receipt
from pipeline.terminal.commands_as_typed import as_typed
from pipeline.terminal.output import columns_of, console, echo, notify, notify_banner, print_table
from pipeline.terminal.table import draw_table

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.execution.run import RunResult

UNFINISHED = {  # by whether a run of the plan continues it; None: not known yet
    True: "The next run continues it",
    False: "The next run does not continue it, because its settings, data or code are others",
    None: "A run with the same settings, data and code continues it",
}
MOST_BEGUN = 3  # settings of unfinished works that are told
SHARE_FOR_REASONS = 4  # reasons are a column of their own if they take no more than a quarter of the width
DONE = {
    Action.RUN: "ran",
    Action.RESTORE: "restored",
    Action.FRESH: "fresh",
}


def print_plan(project: Project, plan: Plan) -> None:
    """Print what would happen to each stage and why, how to keep the results, and what interrupted runs have left."""
    rows = [(item.stage, item.action.value, reasons_text(item.reasons)) for item in plan.decisions]
    print_table(("stage", "plan", "why"), rows)
    if kept := settings_to_keep(plan, project.config.given):
        echo(as_typed(f"A run would put others in place of the present results, which stay stored; {kept}."))
    for name, work in unfinished_work(project, plan).items():
        is_told = work.settings and not work.is_taken_up
        settings = f" These were: {first_few(work.settings, MOST_BEGUN, '; ')}." if is_told else ""
        echo(f"{name}: an interrupted run has left unfinished work. {UNFINISHED[work.is_taken_up]}.{settings}")


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


def reason_data(reason: Reason) -> dict[str, Any]:
    """Return a reason as plain data."""
    return {
        "kind": reason.kind.value,
        "subject": reason.subject,
        "before": reason.before,
        "after": reason.after,
        "text": str(reason),
    }


def print_result(
    result: RunResult,
    stages: Sequence[Stage],
    folder: str,
    copy: Path | None,
    *,
    quiet: bool,
    noticed: Collection[str],
) -> None:
    """Print the table at the end of a run, what was noticed, and where the results and a copy of one lie.

    If ``quiet``, the notices that were shown before it ran, ``noticed``, are not shown again.
    """
    if not quiet:
        _print_stages(result)
        echo(*result_paths(result, stages, folder), *([str(copy)] if copy else []))
    for done in result.stages:
        for warning in done.receipt.warnings:
            notify(f"warning: {warning}")
    for notice in result.notices:
        if not (quiet and notice in noticed):
            notify_banner(notice)


def _print_stages(result: RunResult) -> None:
    """Print a row for each stage, or one line if there was nothing to do; long reasons are below the figures."""
    if not result.did_something:
        count = len(result.stages)
        echo(f"Nothing to do: {'the stage is' if count == 1 else f'all {count} stages are'} fresh.")
        for done in result.stages:
            if text := figures_text(done.receipt):
                echo(f"  {done.stage}: {text}")
        return
    whys = [reasons_text(done.reasons) for done in result.stages]
    is_short = max(map(len, whys)) <= columns_of(sys.stdout) // SHARE_FOR_REASONS
    rows = []
    for done, why in zip(result.stages, whys, strict=True):
        figures = figures_text(done.receipt)
        told = (why,) if is_short else ()
        last = [figures, f"({why})" if why and not is_short else ""]
        shown = "\n".join(visible(part) for part in last if part)  # two lines of a cell
        rows.append((done.stage, DONE[done.action], *map(visible, told), f"{done.seconds:.1f}", shown))
    columns = ("stage", "done", *(("why",) if is_short else ()), "seconds", "figures")
    draw_table(console(), columns, rows, ("seconds",))


def result_paths(result: RunResult, stages: Sequence[Stage], folder: str) -> list[str]:
    """Return the files of the stages that no other stage reads: the results of the whole pipeline."""
    read = {other.name for stage in stages for other in upstream(stage, stages)}
    return [
        f"{folder}/{done.stage}/{name}"
        for done in result.stages
        if done.stage not in read
        for name in done.receipt.outputs
    ]


def result_data(result: RunResult, folder: str, copy: Path | None) -> dict[str, Any]:
    """Return what became of a run as plain data."""
    return {
        "stages": [
            {
                "stage": done.stage,
                "action": DONE[done.action],
                "reasons": [reason_data(reason) for reason in done.reasons],
                "seconds": round(done.seconds, 3),
                "figures": values_of(done.receipt.figures),
                "warnings": list(done.receipt.warnings),
                "outputs": [f"{folder}/{done.stage}/{name}" for name in done.receipt.outputs],
                "origin": done.receipt.origin,
            }
            for done in result.stages
        ],
        "notices": result.notices,
        "submission": str(copy) if copy else None,
    }


def figures_text(receipt: Receipt) -> str:
    """Join the figures of a finished stage."""
    return ", ".join(f"{name} {as_figure(figure).text}" for name, figure in receipt.figures.items())
