"""Paths as a person writes them, in settings and on the command line, and whether they lead to a file or a folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from pipeline.errors import ConfigError, StoreError


def from_home(path: str | Path, folder: Path, named: str) -> Path:
    """Return ``path``, with a leading ``~`` replaced, relative to ``folder``; ``named`` is what messages call it.

    Raises
    ------
    ConfigError
        There is no such home folder.
    """
    try:
        return folder / Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{named} is '{path}', and there is no such home folder", where=named, hint="write the path without ~"
        ) from error


def leads_to_folder(path: str | Path) -> bool:
    """Whether a path is a folder or a link to one. ``Path.is_dir`` raises if a link cannot be followed."""
    return os.path.isdir(path)  # noqa: PTH112 - as said


def leads_to_file(path: str | Path) -> bool:
    """Whether a path is a file or a link to one. ``Path.is_file`` raises if a link cannot be followed."""
    return os.path.isfile(path)  # noqa: PTH113 - as said


def broken_link(path: Path) -> tuple[str, str] | None:
    """Return what is wrong with a link that leads nowhere, and what to do; None for anything else."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "is a link that leads back to itself", "remove the link"
        if path.is_symlink() and error.errno != errno.EACCES:
            return "is a link to nothing", "remove the link, or make what it leads to"
    return None


def require_folder_or_nothing(path: Path) -> None:
    """Raise StoreError if a file, or a link that leads nowhere, stands where a folder should be."""
    problem = ("is a file, not a folder", "move it away") if leads_to_file(path) else broken_link(path)
    if problem:
        what, hint = problem
        raise StoreError(f"{path.name} {what}", where=str(path), hint=f"{hint}, or work in another folder with -C")
