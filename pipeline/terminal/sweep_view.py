"""What a person sees of a sweep: a line for each trial as it ends, the table, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.errors import first_few
from pipeline.planning.staleness import Decision
from pipeline.sweep.results import TrialResult, best_of, is_within_noise, metrics_text, result_data
from pipeline.sweep.trials import Sweep
from pipeline.task import Progress, silent_progress
from pipeline.terminal.commands_as_typed import as_typed
from pipeline.terminal.output import HINT, echo, notify, notify_banner, print_table
from pipeline.terminal.progress import Terminal
from pipeline.write_toml import setting_text, setting_texts

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.execution.run import StageResult, Watcher
    from pipeline.sweep.objective import Metric

NOISE = "not told apart"


class SweepTerminal:
    """Watches a sweep: a bar for what is going on, which vanishes, and one line for each trial, which stays."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.notices: list[str] = []
        self._outer: Terminal | None = None  # the terminal that is drawn; runs within it are shown there
        self.n_finished = 0

    @contextmanager
    def watching(self, title: str) -> Iterator[Watcher]:
        if self._outer:
            yield _RunWatcher(self, Terminal(quiet=True), title)
            return
        with Terminal(quiet=self.quiet, transient=True) as terminal:
            self._outer = terminal
            try:
                yield _RunWatcher(self, terminal, title)
            finally:
                self._outer = None

    def notice(self, text: str) -> None:
        """Show what must not be overlooked, once and not for every trial."""
        if text not in self.notices:
            self.notices.append(text)
            notify_banner(text)

    def finished(self, result: TrialResult, sweep: Sweep) -> None:
        self.n_finished += 1
        if self.quiet:
            return
        told = f"failed: {result.problem}" if result.problem else metrics_text(sweep, result)
        settings = dict(result.trial.settings) | ({} if result.is_final else {sweep.budget: result.budget})
        before = "" if result.is_new else " (done before)"
        text = (
            f"trial {result.trial.number} of {len(sweep.trials)}: {' '.join(setting_texts(settings))}: {told}{before}"
        )
        self._outer.log(text) if self._outer else notify(text)


class _RunWatcher:
    """Watches one run of a sweep. Its stages get no lines of their own."""

    def __init__(self, screen: SweepTerminal, terminal: Terminal, title: str) -> None:
        self._screen, self._terminal, self._title = screen, terminal, title

    def log(self, text: str) -> None:
        self._terminal.log(f"{self._title}: {text}")

    def notice(self, text: str) -> None:
        self._screen.notice(text)

    def started(self, decision: Decision) -> Progress:
        if not self._terminal.live:
            return silent_progress
        return self._terminal.started(replace(decision, stage=f"{self._title}: {decision.stage}"))

    def finished(self, result: StageResult) -> None:
        """Say nothing: the trial has a line of its own."""


def print_trials(sweep: Sweep, done: Mapping[int, bool]) -> None:
    """Print what would be tried; ``done`` says by number which trials have stored results."""
    rows = [
        (
            str(trial.number),
            *(setting_text(value) for value in trial.settings.values()),
            f"invalid: {trial.problem}" if trial.problem else "done before" if done[trial.number] else "will run",
        )
        for trial in sweep.trials
    ]
    print_table(("trial", *short_names(sweep.names), "plan"), rows, numbers=("trial",))
    if len(sweep.rungs) > 1:
        steps = [
            f"{rung.n_trials} with {'all' if rung.divisor == 1 else f'1/{rung.divisor}'} of their {sweep.budget}"
            for rung in sweep.rungs
        ]
        echo(f"Halving: {', then '.join(steps)}.")


def trials_data(sweep: Sweep, done: Mapping[int, bool]) -> dict[str, Any]:
    """Return what would be tried as plain data."""
    trials = [
        {
            "number": trial.number,
            "settings": dict(trial.settings),
            "done": done.get(trial.number, False),
            "problem": trial.problem,
        }
        for trial in sweep.trials
    ]
    rungs = [{"trials": rung.n_trials, "divisor": rung.divisor} for rung in sweep.rungs]
    return {"sweep": sweep.id, "trials": trials, "rungs": rungs}


def results_data(sweep: Sweep, results: Sequence[TrialResult], files: Mapping[str, Path]) -> dict[str, Any]:
    """Return what came of a sweep as plain data, the best trial first."""
    best = best_of(results)
    return {
        "sweep": sweep.id,
        "objective": sweep.metrics[0].name,
        "best": best.trial.number if best else None,
        "trials": [result_data(sweep, result, best) for result in results],
        "files": {name: str(path) for name, path in files.items()},
    }


def print_results(
    sweep: Sweep, results: Sequence[TrialResult], files: Mapping[str, Path], notices: Sequence[str]
) -> None:
    """Print the table, the best trial first, how far to trust it, and where the files are."""
    best = best_of(results)
    metrics = [metric.name for metric in sweep.metrics]
    interval = sweep.interval_metric
    intervals = [f"95 % of {interval.name}"] if interval else []
    columns = ["trial", *short_names(sweep.names), *metrics, *intervals, "seconds", "remark"]
    rows = [
        (
            str(result.trial.number),
            *(setting_text(value) for value in result.trial.settings.values()),
            *(_figure(metric, result.values.get(metric.name)) for metric in sweep.metrics),
            *([_interval(interval, result)] if interval else []),
            "" if result.seconds is None else f"{result.seconds:.1f}",
            remark(sweep, result, best),
        )
        for result in results
    ]
    print_table(columns, rows, numbers=("trial", *metrics, *intervals, "seconds"))
    problems: dict[str, list[str]] = {}
    for result in results:
        if result.problem:
            problems.setdefault(result.problem, []).append(str(result.trial.number))
    for problem, numbers in problems.items():
        notify(f"trial {first_few(numbers)} failed: {problem}")
    if best is None:
        notify("error: no trial succeeded", f"{HINT}pipeline run all with a trial's settings shows the whole error")
        return
    n_close = sum(is_within_noise(result, best) for result in results if result is not best)
    if n_close:
        trials = "1 trial is" if n_close == 1 else f"{n_close} trials are"
        echo(f"{trials} {NOISE} from the best: their intervals overlap, so their order may be chance.")
    if sum(not result.problem for result in results) > 1:
        echo("The best of several trials looks better than it is: measure it again on rows that did not choose it.")
    for path in files.values():
        echo(str(path))
    command = as_typed("pipeline run all", with_settings=False)  # they are in the file
    echo(f"With the best settings as pipeline.toml, {command} takes over what the trial has done.")
    for notice in notices:
        notify_banner(notice)


def remark(sweep: Sweep, result: TrialResult, best: TrialResult | None) -> str:
    """Return the remark on a trial in the table."""
    if result.problem:
        return "failed"
    if result is best:
        return "best"
    if not result.is_final:
        return f"stopped at {short_names([sweep.budget])[0]} = {result.budget}"
    return NOISE if best and is_within_noise(result, best) else ""


def _figure(metric: Metric, value: float | None) -> str:
    return "" if value is None else metric.text(value)


def _interval(metric: Metric, result: TrialResult) -> str:
    return " - ".join(metric.text(bound).removesuffix(" %") for bound in result.interval or ())


def short_names(names: Sequence[str]) -> list[str]:
    """Return settings' names, without their stages if they stay distinct."""
    keys = [name.partition(".")[2] for name in names]
    return [key if keys.count(key) == 1 else name for key, name in zip(keys, names, strict=True)]
