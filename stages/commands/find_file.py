"""A file that the person names on the command line."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.files.paths import from_home, leads_to_folder
from stages.ingest.sources.zip_files import require_readable


def find_file(name: str, folder: Path) -> Path:
    """The file called ``name``, relative to ``folder``; ConfigError if there is none, DataError if unreadable."""
    path = from_home(name, folder, "the file")
    if not os.path.lexists(path):
        raise ConfigError(f"there is no file '{name}'", where=str(path), hint="check the path")
    if leads_to_folder(path):
        hint = f"name a file, or several: {name.rstrip('/')}/*.png"
        raise ConfigError(f"'{name}' is a folder, not a file", where=str(path), hint=hint)
    require_readable(path)
    return path
