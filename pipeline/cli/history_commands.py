"""The commands about earlier runs: `runs` and `diff`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import execution_options, json_option, option_group, project_options
from pipeline.cli.usage import TakesNegativeNumbers
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.cli.project import ProjectOptions
    from pipeline.logs.run_log import Run
    from pipeline.planning.project import Project
    from pipeline.workers.backends import Execution

LAST_RUNS = 100
SEEDS, MOST_SEEDS = 3, 10


@click.command()
@click.option("--all", "show_all", is_flag=True, help=f"Show all of them, not only the last {LAST_RUNS}.")
@json_option
@project_options
def runs(place: ProjectOptions, *, show_all: bool, as_json: bool) -> None:
    """List the last runs, with their settings, figures and scores; --json has all of them."""
    from pipeline.history.scores import by_run
    from pipeline.logs.run_log import LOG
    from pipeline.logs.score_log import read_scores
    from pipeline.store.store import Store
    from pipeline.terminal.commands_as_typed import as_typed
    from pipeline.terminal.history_view import print_runs, runs_data
    from pipeline.terminal.output import HINT, notify, print_json

    log, scored = LOG.read(place.artifacts), read_scores(place.artifacts)
    notify(*filter(None, [log.warning, scored.warning]))
    shown = log.all if show_all or as_json else log.all[-LAST_RUNS:]
    scores = by_run(shown, scored.all)
    if as_json:
        print_json(runs_data(shown, scores))
        return
    if not shown:
        if Store(place.artifacts).has_results():
            notify("no run is in the log, but there are results", f"{HINT}pipeline status")
        else:
            notify("nothing has run here yet", f"{HINT}pipeline run all")
        return
    print_runs(shown, scores)
    if len(shown) < len(log.all):
        notify(f"{len(log.all) - len(shown):,} earlier runs are not shown: {as_typed('pipeline runs --all')}")


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """Whether to explain the metric's movement, with how many seeds, and whether to count the runs only."""

    explain: bool
    seeds: int | None
    dry_run: bool

    def __post_init__(self) -> None:
        if not self.explain and (self.seeds is not None or self.dry_run):
            raise ConfigError("--seeds and --dry-run go with --explain", hint="pipeline diff RUN RUN --explain")


explain_options = option_group(
    "options",
    ExplainOptions,
    click.option("--explain", is_flag=True, help="Make the runs between the two, and tell which change did how much."),
    click.option(
        "--seeds",
        type=click.IntRange(1, MOST_SEEDS),
        metavar="N",
        help=f"Make each of these runs with N seeds, to tell chance from causes.  [default: {SEEDS}]",
    ),
    click.option("--dry-run", is_flag=True, help="With --explain: say what it costs, and run nothing."),
)


@click.command(cls=TakesNegativeNumbers)
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@explain_options
@execution_options
@json_option
@project_options
def diff(
    place: ProjectOptions, first: str, second: str, options: ExplainOptions, execution: Execution, *, as_json: bool
) -> None:
    """Show how two runs differ. A RUN is a number, or -1 for the last that is no trial of a sweep.

    --explain finds out which of their settings moved the accuracy. It makes the runs between the two, one change at a
    time, and uses stored ones again. Current results stay as they are, and new ones are kept.
    """
    from pipeline.history.diff import compare
    from pipeline.logs.run_log import find_run, read_runs
    from pipeline.logs.score_log import read_scores
    from pipeline.terminal.history_view import differences_data, print_differences
    from pipeline.terminal.output import notify, print_json

    project = replace(place.load(), execution=execution)
    found = read_runs(project.store.root)
    runs = find_run(found, first), find_run(found, second)
    notify(f"from run {runs[0].id} to run {runs[1].id}")
    if options.explain:
        explain_difference(project, runs, options, as_json=as_json)
        return
    differences = compare(*runs, project.store.code_of, read_scores(project.store.root).all)
    print_json(differences_data(differences)) if as_json else print_differences(differences)


def explain_difference(project: Project, runs: tuple[Run, Run], options: ExplainOptions, *, as_json: bool) -> None:
    """Say what an explanation costs; then make its runs, and show the share of each change."""
    from pipeline.explain.experiment import cost_of, explain, plan_experiment
    from pipeline.terminal.explain_view import cost_data, explanation_data, print_cost, print_explanation
    from pipeline.terminal.output import print_json
    from pipeline.terminal.sweep_view import SweepTerminal
    from stages import OBJECTIVE

    experiment = plan_experiment(project, OBJECTIVE, runs, options.seeds or SEEDS)
    cost = cost_of(project, experiment)
    if options.dry_run and as_json:
        print_json(cost_data(experiment, cost))
        return
    print_cost(experiment, cost)
    if options.dry_run:
        return
    explanation = explain(project, experiment, SweepTerminal(quiet=as_json))
    if as_json:
        print_json(explanation_data(experiment, explanation))
    else:
        print_explanation(experiment, explanation)
