"""A file that a command writes where the user says: never in place of what the project, or the command, reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.errors import ConfigError, PipelineError
from pipeline.files.paths import from_home
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
    path = from_home(name, base, option)
    try:
        problem, hint = _output_problem(path, project.store.root)
    except OSError as error:  # a name that is too long, or a folder above that may not be entered
        problem, hint = f"cannot be written: {error.strerror}", "name another"
    if problem:
        raise ConfigError(f"{option} {name} {problem}", where=str(path), hint=hint)
    if path.parent.resolve().is_relative_to((project.folder / DATA).resolve()):
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


def _output_problem(path: Path, artifacts: Path) -> tuple[str, str]:
    """Say what is wrong with a place for a file, and what to do; two empty texts if nothing is. Raises OSError."""
    folder = path.parent.resolve()
    if path.is_dir() or not folder.is_dir():
        problem = "is a folder" if path.is_dir() else "lies in a folder that is not there"
        return problem, "name a file in a folder that is there"
    if path.exists() and not path.is_file():
        return "is not a plain file", "name another"
    if (folder / path.name).is_relative_to(artifacts.resolve()):
        return "lies in artifacts/, where only stages write", "put it elsewhere"
    if not os.access(folder, os.W_OK):
        return "lies in a folder that may not be written to", f"make {folder} writable, or name another"
    return "", ""


def _is_same(path: Path, other: Path) -> bool:
    """Whether two paths lead to the same file; False if one of them leads nowhere."""
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # of a NUL byte in a name
        return False
