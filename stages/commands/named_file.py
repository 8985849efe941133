"""A file that the person names on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from pipeline.errors import ConfigError
from pipeline.files.paths import from_home, leads_to_folder
from stages.ingest.sources.zip_files import require_readable


def find_file(name: str, folder: Path) -> Path:
    """The file called ``name``, relative to ``folder``, which -C may have named.

    Raises ConfigError if there is no such file, and DataError if it cannot be read.
    """
    path = from_home(name, folder, "the file")
    if not os.path.lexists(path):
        hint = "check the path"
        if folder != Path() and os.path.lexists(name):
            hint = f"paths are relative to the folder of -C: write {quote(str(Path(name).absolute()))}"
        raise ConfigError(f"there is no file '{name}'", where=str(path), hint=hint)
    if leads_to_folder(path):
        hint = f"name a file, or several: {name.rstrip('/')}/*.png"
        raise ConfigError(f"'{name}' is a folder, not a file", where=str(path), hint=hint)
    require_readable(path)
    return path
