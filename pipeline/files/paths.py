"""Paths as a person writes them, in settings and on the command line, and whether they lead to a file or a folder."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import ConfigError


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
