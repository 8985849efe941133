"""A file that a command writes where the user says: never in place of what the project, or the command, reads."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.errors import ConfigError, PipelineError
from pipeline.files.paths import from_home
from pipeline.files.safe_files import require_place
from pipeline.planning.current_work import find_sources
from pipeline.planning.project import Project

DATA = "data"


def require_output(
    project: Project, name: str | Path, base: Path, option: str = "--output", *, inputs: Iterable[Path] = ()
) -> Path:
    """Return the file that the user names by ``option``, relative to ``base``, if it may be written.

    Raises
    ------
    ConfigError
        No file can be written there, the place is below artifacts/ or data/, or the path leads to a raw file or to one
        of the ``inputs``, under any name.
    """
    path = require_place(name, base, project.store.root, option)
    data = project.folder / DATA
    if path.parent.resolve().is_relative_to(data.resolve()):
        what = f"{option} {name} lies in {DATA}/, where the raw files are"
        raise ConfigError(what, where=str(path), hint=f"put it elsewhere: {option} {path.name}")
    read = list(inputs)
    for stage in project.stages:
        values = project.config.values(stage.name)
        paths = {key: values[key] for key in stage.not_in_key if isinstance(values[key], str)}
        for key, named in paths.items():  # each by itself: if one is missing, find_sources finds none
            with suppress(PipelineError):
                read.append(from_home(named, project.folder, key))
        with suppress(PipelineError):  # a run reports files that cannot be used
            read += [source.path for source in find_sources(project, stage).files]
    if any(_is_same(path, each) for each in read):
        what = f"{option} {name} is one of the files to read"
        raise ConfigError(what, where=str(path), hint="give it another name")
    return path


def _is_same(path: Path, other: Path) -> bool:
    """Whether two paths lead to the same file; False if one of them leads nowhere."""
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # of a NUL byte in a name
        return False
