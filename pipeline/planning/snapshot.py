"""Look at the world before planning: settings, raw files, code, libraries, and what lies in artifacts/."""

from __future__ import annotations

import platform
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.config import Config, plain
from pipeline.errors import DataError
from pipeline.fingerprint.code import code_digests
from pipeline.fingerprint.digests import digest, file_digests
from pipeline.fingerprint.parse_cache import CodeMemory
from pipeline.planning.plan import StageSnapshot
from pipeline.planning.reasons import reason_of
from pipeline.stage import Progress, Sources, Stage, Workers, resolve, upstream
from pipeline.store.receipt import LOCATION, Work
from pipeline.store.store import Generation, Store
from pipeline.workers.backends import Execution

CODE_MEMORY = "code.json"
NO_SOURCES = Sources((), "")


@dataclass(frozen=True, slots=True)
class Project:
    """A working folder with its stages, its settings and its artifacts.

    ``execution`` says where jobs are done, unless there are ``workers`` made for the occasion.
    """

    folder: Path
    stages: tuple[Stage, ...]
    config: Config
    store: Store
    memory: CodeMemory = field(default_factory=CodeMemory)
    execution: Execution = field(default_factory=Execution)
    workers: Callable[[Progress, Callable[[str], None]], Workers] | None = None

    def stage(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)


def take_snapshot(project: Project, selected: Collection[str]) -> tuple[StageSnapshot, ...]:
    """Observe every stage; what work it would be, and whether earlier results are intact, only for ``selected``."""
    store, stages = project.store, project.stages
    current = {stage.name: store.current(stage.name) for stage in stages}
    works: dict[str, Work] = {}
    sources: dict[str, Sources] = {}
    stored: dict[str, list[Generation]] = {}
    read_by = {other.name for stage in stages if stage.name in selected for other in upstream(stage, stages)}
    wanted = [item for name, item in current.items() if item and (name in selected or name in read_by)]
    for stage in stages:
        if stage.name not in selected:
            works[stage.name] = Work(stage.name, {}, {}, {}, {}, {}, ())
            continue
        sources[stage.name] = find_sources(project, stage)
        works[stage.name] = current_work(project, stage, sources[stage.name])
        stored[stage.name] = [
            item
            for item in store.generations(stage.name)
            if item.receipt and replace(item.receipt.work, inputs={}) == works[stage.name]
        ]
    damage = store.damage([*wanted, *(item for items in stored.values() for item in items)])
    observed = []
    for stage in stages:
        now = current[stage.name]
        found = sources.get(stage.name, NO_SOURCES)
        observed.append(
            StageSnapshot(
                stage=stage,
                work=works[stage.name],
                current=now.receipt if now else None,
                damage=tuple(map(reason_of, damage.get(now.folder, ()))) if now else (),
                stored=tuple(
                    item.receipt
                    for item in stored.get(stage.name, ())
                    if item.receipt and not damage[item.folder] and (now is None or item.folder != now.folder)
                ),
                origin=found.origin,
                notice=found.notice,
            )
        )
    return tuple(observed)


def find_sources(project: Project, stage: Stage) -> Sources:
    """Ask a stage which raw files it reads, if any."""
    if stage.sources is None:
        return NO_SOURCES
    found: Sources = resolve(stage.sources)(project.config.parameters[stage.name], project.folder)
    return found


def current_work(project: Project, stage: Stage, sources: Sources) -> Work:
    """Fingerprint what a stage would do now, all but its inputs."""
    values = plain(project.config.parameters[stage.name])
    references = [stage.function, *(artifact.check for artifact in stage.outputs)]
    return Work(
        stage=stage.name,
        parameters={key: value for key, value in values.items() if key not in stage.not_in_key},
        inputs={},
        sources=source_digests(sources),
        code=code_digests(references, project.memory.parse),
        libraries=library_versions(stage.libraries),
        outputs=tuple(artifact.path for artifact in stage.outputs),
    )


def source_digests(sources: Sources) -> dict[str, str]:
    """Hash the raw files by name.

    Where they lie counts too, since results tell of it: a sample never passes for real data.
    """
    for source in sources.files:
        _require_file(source.path)
    try:
        files = file_digests(source.path for source in sources.files)
    except OSError as error:
        raise DataError(f"a raw file cannot be read: {error.strerror}", where=str(error.filename)) from error
    named = {
        source.name: digest([source.member, files[source.path]]) if source.member else files[source.path]
        for source in sources.files
    }
    return {**named, LOCATION: digest([sources.origin, sources.notice])} if named else {}


def _require_file(path: Path) -> None:
    """Refuse what is not a plain file before reading it: a pipe would be waited for without end."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise DataError(f"a raw file cannot be read: {error.strerror}", where=str(path)) from error
    if not stat.S_ISREG(mode):
        raise DataError("this is not a file", where=str(path), hint="name a CSV file or a zip that holds one")


def library_versions(names: Sequence[str]) -> Mapping[str, str]:
    """Return the versions of the libraries that numbers depend on, Python's among them."""
    return {"python": ".".join(platform.python_version_tuple()[:2]), **{name: _version(name) for name in names}}


@cache
def _version(name: str) -> str:
    """Look a version up once: its metadata is a text of many kilobytes, and every stage asks."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
