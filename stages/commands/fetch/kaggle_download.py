"""Download a Kaggle competition's files into data/ with Kaggle's own program: the whole zip, or nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError, DataError, PipelineError, StageError
from pipeline.leftovers import FETCH, remove_leftovers, temporary_folder
from pipeline.safe_files import sync
from stages.ingest.sources.data_folder import FILE_NAMES, PAIR
from stages.ingest.sources.zip_files import find_members, list_members, reason_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
SITE = "https://www.kaggle.com"
CREDENTIALS = f"create a token at {SITE}/settings/api and save it as ~/.kaggle/access_token, or in KAGGLE_API_TOKEN"
SHOWN = 3  # lines of what Kaggle's program said


@dataclass(frozen=True, slots=True)
class Fetched:
    """The zip in data/: whether it was downloaded now, and the files that it holds."""

    path: Path
    downloaded: bool
    members: tuple[str, ...]
    is_usable: bool  # it holds train.csv and test.csv


def fetch_competition(name: str, data: Path, *, again: bool) -> Fetched:
    """Put ``<name>.zip`` into the folder ``data``; one that is there stays, unless it is wanted ``again``.

    Raises
    ------
    ConfigError
        That is no competition's name, or Kaggle's program is not installed.
    DataError
        What lies there, or what was downloaded, is not a sound zip.
    StageError
        Kaggle refuses, or cannot be reached.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' is not the name of a competition",
            hint=f"take it from the address: digit-recognizer for {SITE}/competitions/digit-recognizer",
        )
    remove_leftovers(data, FETCH)
    path = data / f"{name}.zip"
    if path.exists() and not again:
        return described(path, downloaded=False)
    program = find_program()
    try:
        data.mkdir(exist_ok=True)
        with temporary_folder(data, FETCH) as folder:
            download(program, name, folder)
            fresh = require_sound(folder, path.name)
            fresh.replace(path)
            sync(data.resolve())
    except OSError as error:
        raise DataError(f"{path.name} cannot be written: {error.strerror}", where=str(data)) from error
    return described(path, downloaded=True)


def find_program() -> str:
    """Kaggle's program: on the path, or beside this Python.

    Raises
    ------
    ConfigError
        It is in neither place.
    """
    beside = str(Path(sys.executable).parent)
    program = shutil.which("kaggle") or shutil.which("kaggle", path=beside)
    if program is None:
        raise ConfigError(
            "Kaggle's program is not installed",
            hint="pip install kaggle, or download the zip in a browser and put it into data/",
        )
    return program


def download(program: str, name: str, folder: Path) -> None:
    """Let Kaggle's program save the competition's zip in ``folder``.

    Raises
    ------
    StageError
        It does not.
    """
    words = [program, "competitions", "download", name, "-p", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - no shell
    if done.returncode or not any(folder.iterdir()):
        raise refusal(name, f"{done.stdout}\n{done.stderr}", done.returncode)


def refusal(name: str, said: str, code: int) -> PipelineError:
    """The error for what Kaggle's program ``said`` when it ended with ``code``."""
    rules = f"{SITE}/competitions/{name}/rules"
    if re.search(r"\b403\b|Forbidden|accept this competition", said):
        return StageError(
            "Kaggle refuses the download (403): the competition's rules have not been accepted",
            where=rules,
            hint="accept the rules there, signed in as the owner of the token, and fetch again",
        )
    if re.search(r"\b401\b|Unauthori[sz]ed|[Aa]uthenticat|kaggle\.json|access_token|Missing (username|key)", said):
        return StageError("Kaggle does not know who you are", hint=CREDENTIALS)
    if re.search(r"\b404\b|Not Found", said):
        return StageError(f"Kaggle has no competition '{name}'", hint=f"look its name up at {SITE}/competitions")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    what = "Kaggle's program failed" if code else "Kaggle's program downloaded nothing"
    shown = ["what it said:", *(line[:200] for line in lines[-SHOWN:])] if lines else ""
    return StageError(f"{what} (exit code {code})", where=shown, hint="see whether the site can be reached, try again")


def require_sound(folder: Path, name: str) -> Path:
    """The zip that was downloaded into ``folder``, read from beginning to end.

    Raises
    ------
    DataError
        There is none, or it is damaged.
    """
    again = "fetch again"
    found = sorted(folder.glob("*.zip"))
    if not found:
        others = ", ".join(sorted(path.name for path in folder.iterdir())[:5])
        raise DataError(f"Kaggle's program left no zip, but {others}", where=name, hint=again)
    try:
        with zipfile.ZipFile(found[0]) as archive:
            damaged = archive.testzip()
    except Exception as error:  # zipfile meets damage with errors of every kind
        raise DataError(f"the zip that arrived is damaged: {reason_of(error)}", where=name, hint=again) from error
    if damaged:
        raise DataError(f"the zip that arrived is damaged: {damaged}", where=name, hint=again)
    sync(found[0])
    return found[0]


def described(path: Path, *, downloaded: bool) -> Fetched:
    """What lies at ``path``."""
    members = find_members(path, tuple(FILE_NAMES.values()))
    usable = all(FILE_NAMES[name] in members for name in PAIR)
    return Fetched(path, downloaded, tuple(list_members(path)), usable)
