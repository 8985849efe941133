"""What a person sees of earlier runs and of stored results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.config import settings_text
from pipeline.figures import Figure, as_figure, counted, values_of
from pipeline.store.receipt import LOCATION
from pipeline.terminal.commands_as_typed import as_typed
from pipeline.terminal.output import HINT, echo, notify, print_table
from pipeline.write_toml import setting_text, setting_texts

if TYPE_CHECKING:
    from pipeline.history.diff import Difference
    from pipeline.history.verify import Finding
    from pipeline.history.why import TracedStage
    from pipeline.logs.run_log import Run
    from pipeline.logs.score_log import Score
    from pipeline.store.clean import Disposable


def print_runs(runs: Sequence[Run], scores: Mapping[int, Sequence[Score]]) -> None:
    """Print the log of runs, the newest last.

    There is a column for ``scores``, by run, if any of these runs has one; and one for the data if that was not always
    the same.
    """
    columns: dict[str, Callable[[Run], str]] = {
        "run": lambda run: str(run.id),
        "started (UTC)": lambda run: _moment(run.started),
        "outcome": lambda run: f"{run.outcome}: {run.error.splitlines()[0]}" if run.error else run.outcome,
        "seconds": lambda run: f"{run.seconds:.1f}",
        "ran": _done_in,
        "data": lambda run: run.origin,
        "settings": settings_of,
        "figures": _headlines,
        "score": lambda run: _scores(scores.get(run.id, ())),
    }
    if len({run.origin for run in runs} - {""}) < 2:
        del columns["data"]
    if not any(run.id in scores for run in runs):
        del columns["score"]
    print_table(list(columns), [[text(run) for text in columns.values()] for run in runs], numbers=("seconds",))


def _done_in(run: Run) -> str:
    """Name the stages that ran; if none did, those whose earlier results were restored."""
    ran, restored = (_span([name for name, done in run.stages.items() if done == kind]) for kind in ("run", "restore"))
    return ran or (f"restored {restored}" if restored else "nothing")


def _span(stages: Sequence[str]) -> str:
    """Name stages in their order: one or two, or else the first and the last."""
    return ", ".join(stages) if len(stages) < 3 else f"{stages[0]} ... {stages[-1]}"


def settings_of(run: Run) -> str:
    """Write what a run was asked for: its preset, and what was changed besides."""
    text = settings_text(run.preset, run.changed)
    number = f", trial {run.trial['number']}" if "number" in run.trial else ""
    return f"sweep {run.trial['sweep']}{number}: {text}" if run.trial else text


def _headlines(run: Run) -> str:
    """Write the headlines of a run without their stages. Equal headlines of two stages are written once."""
    found = ((name.partition(": ")[2], as_figure(figure, name)) for name, figure in run.figures.items())
    return ", ".join(sorted({f"{name} {figure.text}" for name, figure in found if figure.is_headline}))


def _scores(scores: Sequence[Score]) -> str:
    """Write the scores of a run, and how each was found where several have the same name."""
    names = Counter(score.name for score in scores)
    how = [f" by {score.how}" * (names[score.name] > 1) for score in scores]
    return ", ".join(f"{score.name} {score.figure.text}{by}" for score, by in zip(scores, how, strict=True))


def runs_data(runs: Sequence[Run], scores: Mapping[int, Sequence[Score]]) -> list[dict[str, Any]]:
    """Return the log of runs, and their scores, as plain data; figures are their values."""
    return [
        asdict(run) | {"figures": values_of(run.figures), "scores": [asdict(each) for each in scores.get(run.id, ())]}
        for run in runs
    ]


def print_differences(differences: Sequence[Difference]) -> None:
    """Print how two runs differ."""
    if not differences:
        echo("The two runs differ in nothing.")
        return
    rows = [(item.kind, item.name, _cell(item, item.before), _cell(item, item.after)) for item in differences]
    print_table(("what", "name", "before", "after"), rows)


def differences_data(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return how two runs differ, as plain data; figures are their values."""

    def plain(value: Any) -> Any:
        return value.value if isinstance(value, Figure) else value

    return [
        {"kind": item.kind, "name": item.name, "before": plain(item.before), "after": plain(item.after)}
        for item in differences
    ]


def _cell(difference: Difference, value: Any) -> str:
    """Write a value briefly: digests by their first digits."""
    if value is None:
        return "-"
    if difference.kind in {"figure", "score"}:
        return as_figure(value).text
    text = setting_text(value)
    return f"digest {text[:12]}" if difference.kind in {"source", "input", "code"} else text


def print_steps(steps: Sequence[TracedStage]) -> None:
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
        echo(f"  with   {', '.join(setting_texts(receipt.work.parameters)) or 'no settings'}")
        echo(f"  using  {', '.join(f'{name} {version}' for name, version in receipt.work.libraries.items())}")
    for step in steps:
        for problem in step.damage:
            notify(f"warning: {problem}; this describes another file", f"{HINT}pipeline run {step.stage}")


def print_findings(findings: Sequence[Finding]) -> None:
    """Print what was verified; without any result, only the hint to run."""
    from pipeline.history.verify import NOT_MADE

    if all(item.problem == NOT_MADE for item in findings):
        notify("nothing has been made here yet, so there is nothing to verify", f"{HINT}pipeline run all")
        return
    rows = [(item.stage, _title(item.generation), str(item.files), as_typed(item.problem) or "ok") for item in findings]
    print_table(("stage", "result", "files", "found"), rows, numbers=("files",))


def _title(generation: str) -> str:
    """Say what was verified: a folder's name alone says nothing."""
    return generation if generation in {"current", "rerun"} or " " in generation else f"earlier result {generation}"


def print_disposable(found: Sequence[Disposable], keep: int, n_kept: int, spared: int, *, done: bool) -> None:
    """Print what a clean-up removes, or would remove.

    If nothing is ``found``, ``n_kept`` earlier results stay as they are among the newest ``keep``. ``spared`` bytes are
    unfinished work.
    """
    for item in found:  # no table: the folders' names are long
        what = f"{item.what} of {item.stage}"
        echo(f"{item.size / 1e6:10.1f} MB  {_moment(item.finished):<19}  {what:<26}  {item.path}")
    total = sum(item.size for item in found) / 1e6
    if not found:
        echo("There is nothing to remove.")
    elif done:
        echo(f"Removed {total:.1f} MB.")
    else:
        command = as_typed(f"pipeline clean --keep {keep} --yes")
        echo(f"{total:.1f} MB would be removed; {command} does it.")
    if n_kept:  # verify lists them
        newest = "newest result" if keep == 1 else f"newest {keep:,} results"
        stay = counted(n_kept, "earlier result stays", "earlier results stay")
        echo(f"{stay}, among the {newest} of each stage; --keep 0 removes {'it' if n_kept == 1 else 'them'} too.")
    if spared:
        echo(f"{spared / 1e6:.1f} MB of unfinished work stay; --keep 0 removes them too.")


def disposable_data(found: Sequence[Disposable], *, removed: bool) -> list[dict[str, Any]]:
    """Return what a clean-up removes, or would remove, as plain data."""
    return [
        {
            "stage": item.stage,
            "what": item.what,
            "finished": item.finished,
            "path": str(item.path),
            "bytes": item.size,
            "removed": removed,
        }
        for item in found
    ]


def _moment(written: str) -> str:
    """Write a time in UTC as a person reads it, in whole seconds."""
    return written.replace("T", " ").partition("+")[0].partition(".")[0]
