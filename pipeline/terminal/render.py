"""Everything that a command prints when it is done: plans, tables, JSON. What moves is in progress.py."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.config import Config, toml_text
from pipeline.figures import figure_text
from pipeline.planning.plan import Plan
from pipeline.planning.reasons import Action, Reason, reasons_text, settings_to_keep
from pipeline.stage import Stage, upstream
from pipeline.store.receipt import LOCATION, Receipt

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from pipeline.execution.run import RunResult
    from pipeline.history.diff import Difference
    from pipeline.history.verify import Finding
    from pipeline.history.why import Step
    from pipeline.store.run_log import Run

SHARE_FOR_REASONS = 4  # so small a part of the table's width may they take as a column
MARKS = {"error:": "1;31", "warning:": "1;33"}  # bold red, bold yellow
DONE = {
    Action.RUN: "ran",
    Action.RESTORE: "restored",
    Action.FRESH: "fresh",
}


def figures_text(receipt: Receipt | None) -> str:
    """Join the figures of a finished stage."""
    return ", ".join(figure_text(name, value) for name, value in receipt.figures.items()) if receipt else ""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str] = ()) -> None:
    """Print a table on standard output, as wide as the terminal allows; never cut, but wrapped or stacked."""
    from pipeline.terminal.table import draw_table

    draw_table(console(), columns, rows, numbers)


def console() -> Console:
    """Return the standard output as something that knows its width, and whether it has colours."""
    from rich.console import Console

    return Console(file=sys.stdout, width=columns_of(sys.stdout), highlight=False)


def columns_of(stream: TextIO) -> int:
    """Return how wide a stream is: as the user says, or the terminal, or else 120 columns."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):  # no terminal, or nothing that is a file
        return 120


def has_colours(screen: Console) -> bool:
    """Whether greys and blocks can be drawn: on a terminal that has colours, where nobody asked for none."""
    return screen.is_terminal and screen.color_system is not None and not screen.no_color and screen.encoding == "utf-8"


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    is_unicode = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=not is_unicode))


def echo(text: str) -> None:
    """Print a line of results on standard output."""
    print(text)  # noqa: T201 - the one place that does


def notify(text: str) -> None:
    """Print a line for people on standard error; what it is about stands out on a terminal with colours."""
    mark, _, rest = text.partition(" ")
    if mark in MARKS and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR"):
        text = f"\x1b[{MARKS[mark]}m{mark}\x1b[0m {rest}"
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
    if kept := settings_to_keep(plan.decisions):
        echo(f"{kept}; a run replaces it.")


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
        "notices": result.notices,
    }


def print_result(result: RunResult, stages: Sequence[Stage], folder: str, *, quiet: bool) -> None:
    """Print the table at the end of a run, what was noticed, and where the results lie."""
    if not quiet:
        _print_stages(result)
        for path in result_paths(result, stages, folder):
            echo(path)
    for done in result.stages:
        for warning in done.receipt.warnings if done.receipt else ():
            notify(f"warning: {warning}")
    for notice in result.notices:
        notify(banner(notice))


def _print_stages(result: RunResult) -> None:
    """Print a row for each stage, or one line where there was nothing to do; long reasons stand below the figures."""
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
        below = f"\n({why})" if why and not is_short else ""
        rows.append((done.stage, DONE[done.action], *told, f"{done.seconds:.1f}", (figures + below).lstrip("\n")))
    columns = ("stage", "done", *(("why",) if is_short else ()), "seconds", "figures")
    print_table(columns, rows, numbers=("seconds",))


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
    rule = "=" * min(columns_of(sys.stderr), max(len(line) for line in text.splitlines()))
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


def print_steps(steps: Sequence[Step]) -> None:
    """Print the chain from an artifact down to the raw files, a block a stage."""
    for step in steps:
        receipt = step.receipt
        if receipt is None:
            echo(f"{step.stage}: the result that was used is no longer stored")
            continue
        note = "" if step.current else "; not the current result"
        echo(f"{step.stage}  {receipt.work.key[:12]}  {receipt.finished}  {receipt.seconds:.1f} s{note}")
        for path in step.files:
            echo(f"  made   {path}  {(receipt.content(path) or '')[:12]}")
        for path, content in receipt.work.inputs.items():
            echo(f"  from   {path}  {content[:12]}")
        for name, value in receipt.work.sources.items():
            echo(f"  raw    {name}  {receipt.origin if name == LOCATION else value[:12]}")
        settings = ", ".join(f"{key}={toml_text(value)}" for key, value in receipt.work.parameters.items())
        echo(f"  with   {settings or 'no settings'}")
        echo(f"  using  {', '.join(f'{name} {version}' for name, version in receipt.work.libraries.items())}")
    for step in steps:
        for problem in step.damage:
            notify(f"warning: {problem}; what lies there is not what this tells of. hint: pipeline run {step.stage}")


def print_runs(runs: Sequence[Run]) -> None:
    """Print the log of runs, the newest last."""
    rows = [
        (
            str(run.id),
            run.started.replace("T", " ").partition("+")[0],
            run.outcome,
            f"{run.seconds:.1f}",
            _span([name for name, action in run.stages.items() if action == "run"]) or "nothing",
            _settings(run),
            ", ".join(
                sorted({_figure(name, value) for name, value in run.figures.items() if name.endswith("accuracy")})
            ),
        )
        for run in runs
    ]
    print_table(
        ("run", "started (UTC)", "outcome", "seconds", "ran", "settings", "figures"), rows, numbers=("seconds",)
    )


def _span(stages: Sequence[str]) -> str:
    """Name the stages that ran, in their order, the long way only if it is short."""
    return ", ".join(stages) if len(stages) < 3 else f"{stages[0]} ... {stages[-1]}"


def _settings(run: Run) -> str:
    changed = [f"{name}={toml_text(value)}" for name, value in run.changed.items()]
    text = ", ".join([f"preset {run.preset}", *changed] if run.preset else changed) or "defaults"
    number = f", trial {run.trial['number']}" if "number" in run.trial else ""
    return f"sweep {run.trial['sweep']}{number}: {text}" if run.trial else text


def _figure(name: str, value: object) -> str:
    """Write a figure that is named ``stage: name`` without its stage."""
    return figure_text(name.partition(": ")[2], value)


def print_differences(differences: Sequence[Difference]) -> None:
    """Print in what two runs differ."""
    if not differences:
        echo("The two runs differ in nothing.")
        return
    rows = [(item.kind, item.name, _cell(item, item.before), _cell(item, item.after)) for item in differences]
    print_table(("what", "name", "before", "after"), rows)


def _cell(difference: Difference, value: object) -> str:
    """Write a value as short as it can be told: digests by their first digits."""
    if value is None:
        return "-"
    if difference.kind == "figure":
        return figure_text(difference.name, value).removeprefix(f"{difference.name} ")
    text = toml_text(value).strip('"')
    return text[:12] if difference.kind in {"source", "input", "code"} else text


def print_findings(findings: Sequence[Finding]) -> None:
    """Print what was verified."""
    rows = [(item.stage, item.generation, str(item.files), item.problem or "ok") for item in findings]
    print_table(("stage", "result", "files", "found"), rows, numbers=("files",))


def print_disposable(found: Sequence[tuple[Path, int]], keep: int, *, done: bool) -> None:
    """Print what a clean-up removes, or would remove."""
    for path, size in found:
        echo(f"{size / 1e6:10.1f} MB  {path}")
    total = sum(size for _, size in found) / 1e6
    if not found:
        echo(f"Nothing to remove with --keep {keep}.")
    elif done:
        echo(f"Removed {total:.1f} MB.")
    else:
        echo(f"{total:.1f} MB would be removed; pipeline clean --keep {keep} --yes does it.")
