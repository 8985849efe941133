"""The changes of settings between two runs, and the settings when some of them have been made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from pipeline.config import Config, EarlierSettings, load_config, plain
from pipeline.errors import ConfigError, PipelineError
from pipeline.explain.shapley_shares import Made, corners, orders_of
from pipeline.logs.run_log import Run
from pipeline.planning.current_work import find_sources, source_digests
from pipeline.planning.project import Project
from pipeline.stage import Stage
from pipeline.store.receipt import LOCATION


@dataclass(frozen=True, slots=True)
class Change:
    """Settings of a stage that change together, by full name; as a rule it is one."""

    stage: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Changes:
    """What changes from one run to another.

    Attributes
    ----------
    all : the changes, stage by stage
    places : where the raw files lie of a run that still has them, as settings; empty if both runs read the same files
    gone : the runs whose raw files are no longer there, if the two runs read different files
    """

    all: tuple[Change, ...]
    places: Mapping[str, Any]
    gone: tuple[Run, ...]


def find_changes(project: Project, runs: tuple[Run, Run]) -> Changes:
    """Return what changes from the first run to the second.

    If the runs read different raw files, the settings that say where these lie are one change. It is left out if one
    run's files are no longer there. Raises ConfigError if those of both are gone.
    """
    changes: list[Change] = []
    kept: dict[str, Any] = {}
    missing: list[Run] = []
    for stage in project.stages:
        if stage.sources:
            defaults = plain(stage.parameters())
            names = {f"{stage.name}.{key}": defaults[key] for key in stage.not_in_key}
            places = _between(stage, *({name: run.changed.get(name, names[name]) for name in names} for run in runs))
            gone = [run for run in runs if not _has_its_files(project, stage, run)]
            are_others = _digests(runs[0].sources) != _digests(runs[1].sources)
            if places and are_others and not gone:
                changes.append(places)
            elif places:
                kept |= places.after if runs[0] in gone else places.before
            missing += gone if are_others else []
        settings = ({k: v for k, v in run.parameters.items() if k.partition(".")[0] == stage.name} for run in runs)
        if together := _between(stage, *settings):
            changes += [Change(stage.name, {n: together.before[n]}, {n: together.after[n]}) for n in together.after]
    if len(missing) > 1:
        what = f"the raw files of runs {runs[0].id} and {runs[1].id} are no longer there"
        raise ConfigError(what, hint="put the files of one of them where they were")
    return Changes(tuple(changes), kept, tuple(missing))


def _between(stage: Stage, first: Mapping[str, Any], second: Mapping[str, Any]) -> Change | None:
    """Return all differences of a stage's settings as one change, None if there are none."""
    names = [name for name in first if name in second and first[name] != second[name]]
    return Change(stage.name, {n: first[n] for n in names}, {n: second[n] for n in names}) if names else None


def _digests(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of raw files without that of the place where they lie."""
    return {name: value for name, value in sources.items() if name != LOCATION}


def _has_its_files(project: Project, stage: Stage, run: Run) -> bool:
    """Whether the raw files that a run has read still lie where it found them."""
    try:
        config = Base(project, run).config({})
        found = source_digests(find_sources(replace(project, config=config), stage))
    except PipelineError:
        return False
    return _digests(found) == _digests(run.sources)


@dataclass(frozen=True, slots=True)
class Base:
    """The settings of a run, before any change; ``places`` says where its raw files lie if they have moved since."""

    project: Project
    run: Run
    places: Mapping[str, Any] = field(default_factory=dict)

    def config(self, settings: Mapping[str, Any]) -> Config:
        """Resolve the run's settings, with ``settings`` in place of some; raises ConfigError if they do not fit."""
        run, stages = self.run, self.project.stages
        parameters = {**run.parameters, **self.places, **settings}
        changed = {name: value for name, value in run.changed.items() if name not in parameters}
        like = EarlierSettings(f"run {run.id}", "", changed, parameters)
        return load_config(stages, {}, self.project.folder, environment={}, like=like)

    def settings(self, changes: Sequence[Change], made: Made, seed: str | None, offset: int) -> dict[str, Any]:
        """Return every setting that changes, with its value after the changes ``made``, given by their numbers.

        The ``offset`` is added to the setting ``seed``.
        """
        states = (change.after if number in made else change.before for number, change in enumerate(changes))
        settings = {name: value for state in states for name, value in state.items()}
        if seed:
            settings[seed] = settings.get(seed, self.run.parameters[seed]) + offset
        return settings


def joined(base: Base, changes: Sequence[Change]) -> list[Change]:
    """Return the changes so that they can be made one at a time.

    Some changes are valid only together, such as a longer list of filters and of their kernels. Then all changes of a
    stage become one change. Raises ConfigError if even that does not help.
    """
    if _fit(base, changes):
        return list(changes)
    by_stage = [_together(list(group)) for _, group in groupby(changes, key=lambda change: change.stage)]
    if _fit(base, by_stage):
        return by_stage
    names = ", ".join(name for change in changes for name in change.after)
    what = f"the settings in which run {base.run.id} and the other differ cannot be changed one stage at a time"
    raise ConfigError(what, where=names, hint="compare runs that differ in fewer settings")


def _fit(base: Base, changes: Sequence[Change]) -> bool:
    try:
        for made in corners(orders_of(len(changes))):
            base.config(base.settings(changes, made, None, 0))
    except ConfigError:
        return False
    return True


def _together(changes: Iterable[Change]) -> Change:
    changes = list(changes)
    before = {name: value for change in changes for name, value in change.before.items()}
    after = {name: value for change in changes for name, value in change.after.items()}
    return Change(changes[0].stage, before, after)
