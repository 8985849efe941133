"""Where the raw files are: configured, in data/, in the competition's zip, or else the bundled sample.

docs/input.md has the order in which they are looked for. The sample is never taken if something else may be data. The
sample submission is the one beside the test set. This runs on every plan, so it imports nothing heavy and reads no
data: a zip's directory at most.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError, DataError
from pipeline.files.paths import from_home, leads_to_folder
from pipeline.printable_text import visible
from pipeline.task import Source, Sources
from stages.ingest.sources.data_folder import (
    FILE_NAMES,
    PUT_FILES,
    advice,
    files_in,
    listed,
    members_of,
    require_folder,
    require_no_other_data,
    require_pair,
    source_in_zip,
    unread_zips,
)
from stages.ingest.sources.kaggle_input import files_below
from stages.ingest.sources.notice_of_test_images import NOTICE, note_beside
from stages.ingest.sources.possible_data import PAIR, beside_data, possible_data
from stages.ingest.sources.zip_files import require_readable
from stages.sample import SAMPLE_FOLDER

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

SAMPLE_ORIGIN = "bundled sample"
LEFT_OUT = (None, "none")  # values of ingest.sample_submission for none
BESIDE = "auto"
IN_NOTEBOOK = "In this notebook, add the competition's data: Add Input, and then its name.\n"


def find_sources(parameters: IngestParameters, folder: Path) -> Sources:
    """The raw files that ``ingest`` reads, seen from the working directory ``folder``.

    Raises
    ------
    ConfigError
        A configured path does not exist, or only one of the two sets is configured and found.
    DataError
        One of train and test is missing, two files could be meant, a zip cannot be trusted, data/ holds only
        files with other names, or a file is a folder, a pipe, or may not be read.
    """
    configured = {name: path for name in FILE_NAMES if (path := getattr(parameters, name)) is not None}
    if parameters.sample_submission in (*LEFT_OUT, BESIDE):
        configured.pop("sample_submission", None)
    files = {name: configured_file(name, path, folder) for name, path in configured.items()}
    data = folder / "data"
    found = {} if set(PAIR) <= files.keys() and parameters.archive is None else in_archive_or_data(parameters, folder)
    notices = []
    if not files.keys() & set(PAIR) and not found:
        require_no_other_data(data)
        place = kaggle_place(parameters, folder)
        found = files_below(place) if place else {}
        if not found:
            return bundled_sample(files, data, is_notebook=place is not None and leads_to_folder(place))
        notices.append(f"Nothing lies in data/, so the files are read where they are:\n{shown(found, folder)}")
    for name in PAIR:
        if name in found:
            files.setdefault(name, found[name])
    if missing := [name for name in PAIR if name not in files]:
        raise missing_file_error(missing[0], configured, data)
    if parameters.sample_submission == BESIDE and (beside := sample_submission_beside(files["test"])):
        files["sample_submission"] = beside
    note = note_beside(files["train"])
    for source in (*files.values(), *([note] if note else [])):
        require_readable(source.path)
    notices += [NOTICE] if note else []
    if all(files[name] is found.get(name) for name in PAIR) and (unread := unread_zips(found, data)):
        notices.append(f"{listed(unread, data)} in {data.name}/ is not read: train.csv and test.csv lie beside it.")
    sources = (*(files[name] for name in FILE_NAMES if name in files), *([note] if note else []))
    return Sources(files=sources, origin=shown(files, folder), notice="\n".join(notices))


def in_archive_or_data(parameters: IngestParameters, folder: Path) -> dict[str, Source]:
    """The files in the configured zip, or else in data/."""
    if parameters.archive is not None:
        archive = configured_path("archive", parameters.archive, folder)
        return require_pair(members_of(archive), archive)
    require_folder(folder / "data")
    return files_in(folder / "data")


def kaggle_place(parameters: IngestParameters, folder: Path) -> Path | None:
    """The folder ``ingest.kaggle_input``, None if it is set to none. It must exist if it is not the default."""
    place = parameters.kaggle_input
    if place is None or place in LEFT_OUT:
        return None
    is_default = place == type(parameters)().kaggle_input
    return Path(place) if is_default else configured_path("kaggle_input", place, folder)


def configured_file(name: str, path: str, folder: Path) -> Source:
    """The file that ``ingest.<name>`` names, or the one that a zip of this path holds; DataError for a folder."""
    file = configured_path(name, path, folder)
    if leads_to_folder(file):
        hint = f"set ingest.{name} to the file that is meant, as {Path(path) / FILE_NAMES[name]}"
        raise DataError(f"ingest.{name} is set to {path!r}, which is a folder", where=str(file), hint=hint)
    return source_in_zip(name, file) if file.name.lower().endswith(".zip") else Source(name, file)


def configured_path(name: str, path: str, folder: Path) -> Path:
    """The path that ``ingest.<name>`` names, relative to ``folder``.

    Raises
    ------
    ConfigError
        There is no such file, or no such home folder.
    """
    file = from_home(path, folder, f"ingest.{name}")
    if not path.strip() or not os.path.lexists(file):  # an empty path would be the folder itself
        raise ConfigError(
            f"ingest.{name} is set to {path!r}, and there is no such file",
            where=str(file),
            hint=f"set ingest.{name} to the file's path, or remove the setting",
        )
    return file


def sample_submission_beside(test: Source) -> Source | None:
    """The sample submission beside the test set: in the zip that holds all, or in the folder."""
    name = FILE_NAMES["sample_submission"]
    if test.member is not None:
        members = members_of(test.path)
        if "train" in members or "sample_submission" in members:
            return members.get("sample_submission")
    path = next((each for end in ("", ".gz", ".zip") if os.path.lexists(each := test.path.with_name(name + end))), None)
    if path is not None and path.suffix == ".zip":
        return source_in_zip("sample_submission", path)
    return None if path is None else Source("sample_submission", path)


def missing_file_error(name: str, configured: dict[str, str], data: Path) -> ConfigError | DataError:
    """The error for a training set without a test set, or the other way round."""
    other = PAIR[1 - PAIR.index(name)]
    if other in configured:
        return ConfigError(
            f"ingest.{other} is set, but there is no {name} set",
            where=str(data),
            hint=f"set ingest.{name} as well, or put {FILE_NAMES[name]} into data/",
        )
    others = sorted(path for path in possible_data(data) if not path.name.startswith(FILE_NAMES[other]))
    tables = [path for path in others if path.suffix.lower() == ".csv"]
    rename = f"rename {visible(tables[0].name)} to {FILE_NAMES[name]} if it is the {name} set; " if tables else ""
    return DataError(
        f"there is {FILE_NAMES[other]}, but no {FILE_NAMES[name]}{f', only {listed(others, data)}' * bool(others)}",
        where=str(data),
        hint=f"{rename}{advice(others) if others else ''}put {FILE_NAMES[name]} (or {FILE_NAMES[name]}.gz) beside it",
    )


def shown(files: dict[str, Source], folder: Path) -> str:
    """The path of the training set, relative to ``folder`` if it is inside."""
    path = files["train"].path
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def bundled_sample(files: dict[str, Source], data: Path, *, is_notebook: bool) -> Sources:
    """The bundled sample with its notice; ConfigError if a sample submission is set, which belongs to other data.

    In a notebook at Kaggle the notice says how to add the competition's data.
    """
    if files:
        what = "ingest.sample_submission is set, but there is no data that it belongs to"
        raise ConfigError(what, where=str(data), hint=PUT_FILES)
    where_to = "To use your own, put train.csv and test.csv, or the zip, into data/."
    return Sources(
        files=tuple(Source(name, SAMPLE_FOLDER / f"{FILE_NAMES[name]}.gz") for name in PAIR),
        origin=SAMPLE_ORIGIN,
        # The engine fingerprints the notice, so it must not vary without need.
        notice=(
            "No data found, so this is the BUNDLED SAMPLE: 1,797 digits of 8 x 8.\n"
            f"{beside_data(data) or where_to}\n{IN_NOTEBOOK * is_notebook}"
            "For 70,000 real digits without an account: pipeline fetch mnist"
        ),
    )
