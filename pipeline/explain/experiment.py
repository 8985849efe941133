"""Find out which change between two runs moved the metric: make the runs between them, one change at a time.

They are trials of a sweep, so current results stay as they are, and the runs are kept. Every run is made with several
seeds, so that chance is not taken for a cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import mean

from pipeline.errors import ConfigError, SweepError
from pipeline.explain.changes import Base, Change, find_changes, joined
from pipeline.explain.shapley_shares import Made, Order, Share, corners, orders_of, over_seeds, shares
from pipeline.logs.run_log import Run, read_runs
from pipeline.planning.project import Project
from pipeline.planning.selection import ancestors
from pipeline.sweep.objective import Metric, Objective
from pipeline.sweep.results import TrialResult
from pipeline.sweep.run_sweep import Screen, find_done, find_results, run_sweep
from pipeline.sweep.trials import Sweep, make_sweep
from pipeline.write_toml import setting_texts


@dataclass(frozen=True, slots=True)
class Experiment:
    """The runs that explain a difference, as a sweep.

    Attributes
    ----------
    changes : those that may move the metric, stage by stage
    without_bearing : those that cannot
    orders : the orders in which the changes are made
    trials : for each seed, a set of changes -> the number of its trial
    gone : the run whose raw files are no longer there, if the two runs read different files
    """

    runs: tuple[Run, Run]
    changes: tuple[Change, ...]
    without_bearing: tuple[Change, ...]
    orders: tuple[Order, ...]
    sweep: Sweep
    trials: tuple[Mapping[Made, int], ...]
    gone: tuple[Run, ...]

    @property
    def metric(self) -> Metric:
        return self.sweep.metrics[0]


@dataclass(frozen=True, slots=True)
class Cost:
    """How many runs there are, how many of them are stored, and the seconds that one took before, if that is known.

    These are the seconds of the longest run that made results of the two runs: a later one may have made a part of them
    again.
    """

    n_runs: int
    n_stored: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The share of each change, the whole movement, and the metric before and after: means over the seeds."""

    shares: tuple[Share, ...]
    movement: Share
    before: float
    after: float
    notes: tuple[str, ...]


def plan_experiment(project: Project, objective: Objective, runs: tuple[Run, Run], n_seeds: int) -> Experiment:
    """Find the changes between two runs, and the runs that measure the effect of each; nothing runs.

    Raises ConfigError if a run has no metric, or if they differ in no setting that affects it.
    """
    metric = objective.metrics[0]
    for run in runs:
        if metric.stage not in run.results:
            raise ConfigError(
                f"run {run.id} has no {metric.name}, so there is nothing to explain",
                hint=f"pipeline runs shows what each run did; take runs that did {metric.stage}",
            )
    concerned = {metric.stage, *ancestors(metric.stage, project.stages)}
    found = find_changes(project, runs)
    changes = [change for change in found.all if change.stage in concerned]
    if not changes:
        raise ConfigError(
            f"runs {runs[0].id} and {runs[1].id} differ in no setting that affects {metric.name}",
            hint=f"pipeline diff {runs[0].id} {runs[1].id} shows what else differs",
        )
    base = Base(project, runs[0], found.places)
    changes = joined(base, changes)
    orders = orders_of(len(changes))
    settings = [
        {made: base.settings(changes, made, objective.seed, offset) for made in corners(orders)}
        for offset in range(n_seeds if objective.seed else 1)
    ]
    sweep = make_sweep(project, objective, [each for of_seed in settings for each in of_seed.values()], base.config)
    number_of = {trial.config.to_bytes(): trial.number for trial in sweep.trials if trial.config}
    return Experiment(
        runs=runs,
        changes=tuple(changes),
        without_bearing=tuple(change for change in found.all if change.stage not in concerned),
        orders=orders,
        sweep=sweep,
        trials=tuple(
            {made: number_of[base.config(each).to_bytes()] for made, each in of_seed.items()} for of_seed in settings
        ),
        gone=found.gone,
    )


def cost_of(project: Project, experiment: Experiment) -> Cost:
    """Say beforehand what the explanation costs; nothing runs."""
    done = find_done(project, experiment.sweep)
    stages = {experiment.metric.stage, *(change.stage for change in experiment.changes)}
    wanted = {(stage, run.results[stage]) for run in experiment.runs for stage in stages & run.results.keys()}
    seconds = [
        run.seconds
        for run in read_runs(project.store.root)
        if any(run.stages[stage] == "run" for stage, _ in wanted & run.results.items())
    ]
    return Cost(len(done), sum(done.values()), max(seconds, default=None))


def explain(project: Project, experiment: Experiment, screen: Screen) -> Explanation:
    """Make the runs that are missing, and return each change's share; raises PipelineError as soon as one fails."""
    going = run_sweep(project, experiment.sweep, _FailFast(screen))
    results = {result.trial.number: result for result in going}
    values = [
        {made: results[number].values[experiment.metric.name] for made, number in of_seed.items()}
        for of_seed in experiment.trials
    ]
    none, every = frozenset[int](), frozenset(range(len(experiment.changes)))
    by_seed = [shares(of_seed, experiment.orders) for of_seed in values]
    return Explanation(
        shares=tuple(over_seeds(of_change) for of_change in zip(*by_seed, strict=True)),
        movement=over_seeds([of_seed[every] - of_seed[none] for of_seed in values]),
        before=mean(of_seed[none] for of_seed in values),
        after=mean(of_seed[every] for of_seed in values),
        notes=tuple(_notes(project, experiment, (none, every))),
    )


class _FailFast:
    """A screen that ends the sweep at the first trial that fails: the shares need every trial."""

    def __init__(self, screen: Screen) -> None:
        self.watching, self.notice, self._screen = screen.watching, screen.notice, screen

    def finished(self, result: TrialResult, sweep: Sweep) -> None:
        self._screen.finished(result, sweep)
        if result.problem:
            raise SweepError(
                f"a run between the two failed: {result.problem}",
                where=" ".join(setting_texts(result.trial.settings)),
                hint="some of these settings hold only together: compare runs that differ in fewer of them",
            )


def _notes(project: Project, experiment: Experiment, ends: tuple[Made, Made]) -> list[str]:
    """Say what the explanation leaves out, and which of the two runs had to be made again."""
    stage = experiment.metric.stage
    notes = [
        f"the raw files of run {run.id} are no longer there: it was made with those of the other run, so the effect of "
        "the data is left out"
        for run in experiment.gone
    ]
    for run, made in zip(experiment.runs, ends, strict=True):
        if run in experiment.gone:
            continue
        trial = experiment.sweep.trials[experiment.trials[0][made] - 1]
        assert trial.config is not None  # noqa: S101 - it has just been run
        found = find_results(replace(project, closures={}), experiment.sweep, trial.config, set())
        if found and found.last.generation != run.results[stage]:
            notes.append(f"run {run.id} was made with other code, libraries or data, so it was made again")
    return notes
