"""Download a Kaggle competition's files into data/ with Kaggle's own program: the whole zip, or nothing."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

from pipeline.errors import DataError, shortage
from pipeline.files.leftovers import FETCH, remove_leftovers, temporary_folder
from pipeline.files.safe_files import sync
from stages.commands.fetch.fetched import Fetched, describe, written_to
from stages.commands.kaggle_program import call, find_program, refusal, require_competition
from stages.ingest.sources.zip_files import reason_of


def fetch_competition(name: str, data: Path, *, again: bool) -> Fetched:
    """Download ``<name>.zip`` into the folder ``data``; an existing one is kept, unless ``again`` is set.

    Raises
    ------
    ConfigError
        That is no competition's name, or Kaggle's program is not installed.
    DataError
        The existing or the downloaded file is not a sound zip.
    StageError
        Kaggle refuses, or cannot be reached.
    """
    require_competition(name)
    remove_leftovers(data, FETCH)
    path = data / f"{name}.zip"
    if path.exists() and not again:
        return describe(path, downloaded=False)
    program = find_program("download the zip in a browser and put it into data/")
    is_new = not data.exists()
    try:
        with written_to(data, path.name):
            data.mkdir(exist_ok=True)
            with temporary_folder(data, FETCH) as folder:
                download(program, name, folder)
                fresh = require_sound(folder, path.name)
                fresh.replace(path)
                sync(data.resolve())
    finally:
        if is_new:
            with suppress(OSError):  # a folder that is not empty is kept
                data.rmdir()
    return describe(path, downloaded=True)


def download(program: str, name: str, folder: Path) -> None:
    """Let Kaggle's program save the competition's zip in ``folder``; StageError if it does not."""
    answer = call(program, ["competitions", "download", name, "-p", str(folder)])
    if not answer.is_done or not any(folder.iterdir()):
        raise refusal(name, answer, asked="the download", did="downloaded nothing")


def require_sound(folder: Path, name: str) -> Path:
    """The zip that was downloaded into ``folder``, read to its end; DataError if there is none, or it is damaged."""
    again = "fetch again"
    found = sorted(folder.glob("*.zip"))
    if not found:
        others = ", ".join(sorted(path.name for path in folder.iterdir())[:5])
        raise DataError(f"Kaggle's program left no zip, but {others}", where=name, hint=again)
    try:
        with zipfile.ZipFile(found[0]) as archive:
            damaged = archive.testzip()
    except Exception as error:  # zipfile raises errors of every kind for damage
        if shortage(error):  # then nothing is wrong with the file
            raise
        raise DataError(f"the zip that arrived {reason_of(error)}", where=name, hint=again) from error
    if damaged:
        raise DataError(f"the zip that arrived is damaged: {damaged}", where=name, hint=again)
    sync(found[0])
    return found[0]
