"""Try settings: every trial is an ordinary run whose results are stored and do not become the current ones.

So a trial is logged, what it has in common with others is done once, and the same sweep again does only what is
missing. With successive halving all trials begin with a small budget, and the best third goes on to three times as
much, until the last have had all of it: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and
hyperparameter optimization", AISTATS 2016. A trial with a smaller budget is a complete run of its own, with a learning
rate that falls to its end; the next one begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pipeline.config import Config, find_setting
from pipeline.errors import ConfigError, nearest
from pipeline.fingerprint.values import digest
from pipeline.planning.project import Project
from pipeline.planning.selection import ancestors, select
from pipeline.sweep.objective import Metric, Objective
from pipeline.write_toml import setting_texts

ETA = 3  # successive halving: one trial in three goes on, with three times the budget

Configure = Callable[[Mapping[str, Any]], Config]  # what a trial sets -> all settings; raises ConfigError


@dataclass(frozen=True, slots=True)
class Trial:
    """A point of the search space: its number from 1, what it sets, and all settings, or the ``problem`` with them."""

    number: int
    settings: Mapping[str, Any]
    config: Config | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of successive halving: so many trials, each with the ``divisor``-th part of the whole budget."""

    n_trials: int
    divisor: int


@dataclass(frozen=True)  # without slots, which cached_property does not allow
class Sweep:
    """The trials, and how they are compared: by the first of the ``metrics``; the others break ties."""

    trials: tuple[Trial, ...]
    metrics: tuple[Metric, ...]
    budget: str
    rungs: tuple[Rung, ...]
    configure: Configure

    @property
    def names(self) -> tuple[str, ...]:
        """The settings that are tried."""
        return tuple(self.trials[0].settings)

    @property
    def interval_metric(self) -> Metric | None:
        """The metric whose 95 % interval is shown: the first that has one."""
        return next((metric for metric in self.metrics if metric.interval), None)

    @cached_property  # every trial needs it, and it is a digest of all trials
    def id(self) -> str:
        """The name of the sweep, which is the same for the same trials, compared in the same way."""
        trials = [
            {stage: trial.config.values(stage) for stage in trial.config.parameters} if trial.config else {}
            for trial in self.trials
        ]
        rungs = [[rung.n_trials, rung.divisor] for rung in self.rungs]
        return digest(["sweep", trials, [metric.name for metric in self.metrics], rungs])[:8]

    def budget_of(self, config: Config) -> Any:
        return config.settings()[self.budget]

    def config(self, trial: Trial, rung: Rung) -> Config:
        """Return the settings of a trial with the budget of a rung."""
        assert trial.config is not None  # noqa: S101 - only valid trials are asked for
        if rung.divisor == 1:
            return trial.config
        budget = max(1, round(self.budget_of(trial.config) / rung.divisor))
        return self.configure({**trial.settings, self.budget: budget})


def make_sweep(
    project: Project,
    objective: Objective,
    candidates: Sequence[Mapping[str, Any]],
    configure: Configure,
    *,
    metric: str | None = None,
    halving: bool = False,
) -> Sweep:
    """Resolve every trial's settings before anything runs; the same settings are tried once.

    ``metric`` names the one that decides, in place of the first. Raises ConfigError if a setting does not affect the
    metrics, if there is no such metric, if a value is wrong alone and in every trial, or if no trial is valid. If the
    values of some trials only do not fit together, the ``problem`` of each of these trials says so.
    """
    metrics = ordered_metrics(objective.metrics, metric)
    concerned = set().union(*({item.stage, *ancestors(item.stage, project.stages)} for item in metrics))
    for name in candidates[0]:
        stage, _ = find_setting(project.stages, name)
        if stage.name not in concerned:
            raise ConfigError(f"{name} does not affect {metrics[0].artifact}", hint="leave it out of the sweep")
    trials: list[Trial] = []
    problems: dict[int, ConfigError] = {}
    seen: set[bytes] = set()  # settings in full: a set, so that the time grows with the trials and not their square
    for settings in candidates:
        number = len(trials) + 1
        try:
            config = configure(settings)
        except ConfigError as error:
            problems[number] = error
            trials.append(Trial(number, settings, None, error.what))
        else:
            full = config.to_bytes()
            if full not in seen:
                seen.add(full)
                trials.append(Trial(number, settings, config))
    sweep = Sweep(tuple(trials), metrics, objective.budget, (Rung(len(trials), 1),), configure)
    _require_right_values(trials, problems, configure)
    if not halving:
        return sweep
    budgets = [sweep.budget_of(trial.config) for trial in trials if trial.config]
    if not all(isinstance(budget, int) for budget in budgets):
        raise ConfigError(f"halving needs {objective.budget} to be a whole number", hint=f"--set {objective.budget}=27")
    return replace(sweep, rungs=halving_rungs(len(budgets), min(budgets)))


def _require_right_values(trials: Sequence[Trial], problems: Mapping[int, ConfigError], configure: Configure) -> None:
    """Raise ConfigError for the first value that is wrong alone and in every trial, or if no trial is valid."""
    right = {text for trial in trials if trial.config for text in setting_texts(trial.settings)}
    for trial in trials:
        if trial.config:
            continue
        values = zip(setting_texts(trial.settings), trial.settings.items(), strict=True)
        if not right or any(
            text not in right and _is_wrong({name: value}, configure) for text, (name, value) in values
        ):
            error = problems[trial.number]
            where = f"trial {trial.number} of {len(trials)}: {' '.join(setting_texts(trial.settings))}"
            raise ConfigError(error.what, where=where, hint=error.hint) from error


def _is_wrong(settings: Mapping[str, Any], configure: Configure) -> bool:
    """Whether ``settings`` are not valid."""
    try:
        configure(settings)
    except ConfigError:
        return True
    return False


def ordered_metrics(metrics: Sequence[Metric], first: str | None) -> tuple[Metric, ...]:
    """Return the metrics with the one that decides first; the others break ties."""
    if first is None:
        return tuple(metrics)
    names = [metric.name for metric in metrics]
    if first not in names:
        raise ConfigError(f"there is no metric '{first}'", hint=nearest(first, names, "metrics"))
    return tuple(sorted(metrics, key=lambda metric: metric.name != first))


def halving_rungs(n_trials: int, budget: int) -> tuple[Rung, ...]:
    """Divide trials and budget by ``ETA`` while at least one trial and one unit of the budget are left."""
    n_rungs = 1
    while ETA**n_rungs <= min(n_trials, budget):
        n_rungs += 1
    return tuple(Rung(n_trials // ETA**rung, ETA ** (n_rungs - 1 - rung)) for rung in range(n_rungs))


def common_stages(project: Project, sweep: Sweep) -> tuple[str, ...]:
    """Return the stages before the objective that are the same for all trials."""
    varied = {name.partition(".")[0] for name in (*sweep.names, *([sweep.budget] if len(sweep.rungs) > 1 else []))}
    needed = select(project.stages, stages_to_run(sweep)).stages
    return tuple(name for name in needed if not varied & {name, *ancestors(name, project.stages)})


def stages_to_run(sweep: Sweep) -> list[str]:
    """Return the stages that write the metrics."""
    return sorted({metric.stage for metric in sweep.metrics})
