"""Find the project's folder, and load its settings and its artifacts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config import EarlierSettings
    from pipeline.planning.project import Project

ARTIFACTS = "artifacts"
DATA_SUFFIXES = {".csv", ".gz", ".zip"}


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """The project that a command is about, and the settings given on the command line.

    Attributes
    ----------
    folder : the project's, which holds artifacts/
    base : the folder to which paths on the command line are relative
    like : the settings of the run that --like names, read once: a run that is logged later does not change -1
    """

    folder: Path
    base: Path
    preset: str | None = None
    sets: tuple[str, ...] = ()
    like: EarlierSettings | None = None

    @property
    def artifacts(self) -> Path:
        return self.folder / ARTIFACTS

    def load(self, *more: str) -> Project:
        """Read the settings and the artifacts; ``more`` are settings beyond those of --set. Raises ConfigError."""
        project = load_project(self.folder, self.preset, (*self.sets, *more), self.like)
        if not more:  # once for a command
            from pipeline.terminal.commands_as_typed import remember
            from pipeline.terminal.output import notify

            remember("settings", project.config.given)
            remember("stages", [stage.name for stage in project.stages])
            if self.like:
                notify(f"settings of {self.like.origin}: {project.config.text(self.like.origin)}")
            notify(*(f"warning: {text}" for text in project.config.warnings))
        return project


def load_project(folder: Path, preset: str | None, sets: tuple[str, ...], like: EarlierSettings | None) -> Project:
    """Load the stages, the settings and the artifacts of a folder; raises ConfigError."""
    from pipeline.config import load_config
    from pipeline.fingerprint.parse_cache import ParseCache
    from pipeline.planning.project import Project
    from pipeline.store.store import Store
    from stages import STAGES
    from stages.presets import PRESETS

    config = load_config(STAGES, PRESETS, folder, preset=preset, sets=sets, environment=os.environ, like=like)
    store = Store(folder / ARTIFACTS)
    return Project(folder, STAGES, config, store, ParseCache(store.read_cache()))


def settings_of_run(artifacts: Path, number: str) -> EarlierSettings:
    """Read the settings of an earlier run from the log; raises ConfigError if there is no such run."""
    from pipeline.config import EarlierSettings
    from pipeline.logs.run_log import find_run, read_runs

    run = find_run(read_runs(artifacts), number)
    return EarlierSettings(f"run {run.id}", run.preset, run.changed, run.parameters)


def locate(given: Path | None) -> tuple[Path, Path]:
    """Return the project's folder, and the folder to which paths on the command line are relative.

    A folder ``given`` by -C is both, whatever it holds. Otherwise the project is the current folder, or the nearest one
    above it that holds a project: a run in a subfolder must not begin a second artifacts/ by accident.
    """
    here = Path()
    if given is not None:
        return given, given
    try:
        standing = Path.cwd()
        found = find_project(standing)
    except OSError:  # this folder has been removed, or a folder above it may not be read
        return here, here
    if found == standing:
        return here, here
    from pipeline.terminal.output import notify

    notify(f"using the project {found}, because this folder is inside it; add `-C .` to work in this folder")
    return Path(os.path.relpath(found, standing)), here


def find_project(start: Path) -> Path:
    """Return the nearest folder, from ``start`` up, that holds a project; ``start`` itself if there is none.

    The home folder and the root are left out. So are folders of other users and all above them: a pipeline.toml
    in /tmp may be somebody else's.
    """
    if holds_project(start):
        return start
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where no home folder is known
    owners = {os.geteuid(), start.stat().st_uid}
    for folder in start.parents:
        if folder in {home, Path(folder.anchor)} or folder.stat().st_uid not in owners:
            break
        if holds_project(folder):
            return folder
    return start


def holds_project(folder: Path) -> bool:
    """Whether settings, results of this program, or data lie in a folder."""
    from pipeline.config import FILE_NAME

    if (folder / FILE_NAME).is_file() or (folder / ARTIFACTS / ".store").is_dir():
        return True
    try:
        return any(path.suffix.lower() in DATA_SUFFIXES for path in (folder / "data").iterdir())
    except OSError:
        return False
