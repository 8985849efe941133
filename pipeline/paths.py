"""Paths as a person writes them, in settings and on the command line."""

from __future__ import annotations

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
