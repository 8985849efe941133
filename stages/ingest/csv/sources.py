"""Where the raw files are: configured, in data/, in the competition's zip, or else the bundled sample.

Each of train, test and sample_submission is looked for in this order:

1. its path in ``[ingest]``; one that does not exist is an error, never the sample;
2. the zip in ``ingest.archive``, if that is set; otherwise
3. ``data/train.csv`` and ``data/test.csv``, each also as ``.csv.gz``; they win over a zip beside them;
4. the one zip in ``data/`` that holds both.

With none of these, the bundled sample is taken; but never where ``data/`` holds tables or zips under other names,
for then somebody means them.

The sample submission is the one that lies where the test set lies. This runs on every plan, so it imports
nothing heavy and reads no data: a zip's directory at most.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError, DataError, first_few
from pipeline.stage import Source, Sources
from stages.sample import SAMPLE_FOLDER
from stages.shared.messages import shortened

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

SAMPLE_ORIGIN = "bundled sample"
FILE_NAMES = {"train": "train.csv", "test": "test.csv", "sample_submission": "sample_submission.csv"}
PAIR = ("train", "test")

PUT_FILES = "put train.csv and test.csv, or the competition's zip, into data/"
SET_PATHS = "set ingest.train and ingest.test (or ingest.archive, for a zip) to the files' paths"

TABLE_ENDINGS = (".csv", ".csv.gz", ".zip")  # of files that could be meant, whatever they are called
EXAMPLES = 5


def find_sources(parameters: IngestParameters, folder: Path) -> Sources:
    """The raw files that ``ingest`` reads, seen from the working directory ``folder``.

    Raises
    ------
    ConfigError
        A configured path does not exist, or only one of the two sets is configured and found.
    DataError
        One of train and test is missing, two zips could be meant, a zip cannot be trusted, data/ holds only
        tables that are called otherwise, or a file is a folder, a pipe, or may not be read.
    """
    configured = {name: path for name in FILE_NAMES if (path := getattr(parameters, name)) is not None}
    files = {name: configured_file(name, path, folder) for name, path in configured.items()}
    data = folder / "data"
    if parameters.archive is not None:
        archive = configured_file("archive", parameters.archive, folder).path
        found = require_pair(members_of(archive), archive)
    elif set(PAIR) <= set(files):
        found = {}
    else:
        require_folder(data)
        found = files_in(data) or zip_in(data)

    if not files.keys() & set(PAIR) and not found:
        require_nothing_meant(files, data)
        return sample()
    for name in PAIR:
        if name in found:
            files.setdefault(name, found[name])
    if missing := [name for name in PAIR if name not in files]:
        raise missing_half(missing[0], configured, data)
    if "sample_submission" not in files and (beside := sample_submission_beside(files["test"])):
        files["sample_submission"] = beside
    for source in files.values():
        require_readable(source.path)
    notice = ""
    if all(files[name] is found.get(name) for name in PAIR) and (unread := unread_zips(found, data)):
        notice = f"{listed(unread, data)} in {data.name}/ is not read: train.csv and test.csv lie beside it."
    sources = tuple(files[name] for name in FILE_NAMES if name in files)
    return Sources(files=sources, origin=shown(files, folder), notice=notice)


def configured_file(name: str, path: str, folder: Path) -> Source:
    """The file that ``ingest.<name>`` names, relative to ``folder``."""
    file = folder / Path(path).expanduser()
    if not os.path.lexists(file):
        raise ConfigError(
            f"ingest.{name} is set to {path!r}, and there is no such file",
            where=str(file),
            hint=f"set ingest.{name} to the file's path, or remove the setting",
        )
    return Source(name, file)


def require_folder(data: Path) -> None:
    """``data`` is a folder that may be read, or is not there at all."""
    if not os.path.lexists(data) or os.access(data / ".", os.R_OK | os.X_OK):
        return
    what, hint = "is not a folder", f"make it a folder and {PUT_FILES}"
    if data.is_dir():
        what, hint = "may not be read by you", f"chmod u+rx {data}"
    raise DataError(f"{data.name} {what}", where=str(data), hint=f"{hint}, or {SET_PATHS}")


def files_in(data: Path) -> dict[str, Source]:
    """``train.csv`` and ``test.csv`` in ``data``, plain or gzipped, as far as they are there."""
    found = {}
    for name in PAIR:
        candidates = [data / (FILE_NAMES[name] + ending) for ending in ("", ".gz")]
        present = [path for path in candidates if os.path.lexists(path)]
        if len(present) > 1:
            raise DataError(
                f"there are both {present[0].name} and {present[1].name}, which may differ",
                where=str(data),
                hint=f"remove one of them, or set ingest.{name} to the one that is meant",
            )
        if present:
            found[name] = Source(name, present[0])
    return found


def zip_in(data: Path) -> dict[str, Source]:
    """The members of the one zip in ``data`` that holds train.csv and test.csv; nothing if there is no zip."""
    zips = sorted(path for path in data.glob("*.zip") if not path.is_dir())
    if not zips:
        return {}
    if len(zips) == 1:
        return require_pair(members_of(zips[0]), zips[0])
    holding = [members for path in zips if set(PAIR) <= (members := members_of(path)).keys()]
    if len(holding) == 1:
        return holding[0]
    if not holding:
        raise DataError(
            f"none of the {len(zips)} zips in data/ holds both train.csv and test.csv: {listed(zips, data)}",
            where=str(data),
            hint="unzip them, and set ingest.train and ingest.test to the two CSV files",
        )
    raise DataError(
        f"of the {len(zips)} zips in data/, {len(holding)} hold both train.csv and test.csv: {listed(zips, data)}",
        where=str(data),
        hint="leave one of them, or set ingest.archive to the one that is meant",
    )


def other_tables(data: Path) -> list[Path]:
    """What lies in ``data`` or one of its folders and could be meant, though it is not called as it should be."""
    return sorted(
        path
        for pattern in ("*", "*/*")
        for path in data.glob(pattern)
        if path.name.lower().endswith(TABLE_ENDINGS)
        and not any(part.startswith(".") for part in path.relative_to(data).parts)
        and not path.is_dir()
    )


def require_nothing_meant(files: dict[str, Source], data: Path) -> None:
    """Nothing is configured and nothing lies in ``data`` that somebody may take the sample's results for."""
    if files:
        raise ConfigError(
            "ingest.sample_submission is set, but there is no data that it belongs to", where=str(data), hint=PUT_FILES
        )
    if others := other_tables(data):
        raise DataError(
            f"{data.name}/ holds no train.csv and test.csv, but {listed(others, data)}",
            where=str(data),
            hint=f"name them data/train.csv and data/test.csv (or .csv.gz), or {SET_PATHS}",
        )


def listed(paths: Sequence[Path], data: Path) -> str:
    """The first few of ``paths``, as seen from ``data``."""
    more = f" and {len(paths) - EXAMPLES} more" if len(paths) > EXAMPLES else ""
    return ", ".join(path.relative_to(data).as_posix() for path in paths[:EXAMPLES]) + more


def unread_zips(found: dict[str, Source], data: Path) -> list[Path]:
    """The zips in ``data`` that could be meant in place of the files ``found``, which win if they are plain ones.

    A zip that holds files of the same sizes is what they were unpacked from, and one without the two is another matter.
    """
    if any(source.member is not None for source in found.values()):
        return []
    sizes = {FILE_NAMES[name]: found[name].path.stat().st_size for name in PAIR}
    unread = []
    for path in sorted(path for path in data.glob("*.zip") if path.is_file()):
        from stages.ingest.csv.zip_files import sizes_of_members

        try:
            held = sizes_of_members(path)
        except DataError:
            held = dict.fromkeys(sizes, -1)
        if sizes.keys() <= held.keys() and any(held[name] != size for name, size in sizes.items()):
            unread.append(path)
    return unread


def members_of(path: Path) -> dict[str, Source]:
    """The files of the zip at ``path``, by what they are."""
    from stages.ingest.csv.zip_files import find_members  # zipfile costs 10 ms, and most plans see no zip

    require_readable(path)
    members = find_members(path, tuple(FILE_NAMES.values()))
    return {name: Source(name, path, members[file]) for name, file in FILE_NAMES.items() if file in members}


def require_pair(members: dict[str, Source], path: Path) -> dict[str, Source]:
    """``members`` of the zip at ``path`` as they are, if both train.csv and test.csv are among them."""
    if missing := [FILE_NAMES[name] for name in PAIR if name not in members]:
        from stages.ingest.csv.zip_files import list_members

        held = list_members(path)
        more = f" and {len(held) - EXAMPLES} more" if len(held) > EXAMPLES else ""
        shown = (", ".join(shortened(name) for name in held[:EXAMPLES]) + more) or "nothing"
        hint = "unzip it, and set ingest.train and ingest.test to the two CSV files"
        tables = [shortened(name) for name in held if name.lower().endswith(TABLE_ENDINGS[:2])]
        if len(missing) == len(PAIR) and tables:
            hint = f"it looks like another competition's zip ({first_few(tables)}): put the right one there, or {hint}"
        raise DataError(
            f"the zip {path.name} holds no {' and no '.join(missing)}; it holds {shown}",
            where=str(path),
            hint=hint,
        )
    return members


def sample_submission_beside(test: Source) -> Source | None:
    """The sample submission that lies in the same zip or folder as the test set, if there is one."""
    if test.member is not None:
        return members_of(test.path).get("sample_submission")
    name = FILE_NAMES["sample_submission"]
    candidates = (test.path.with_name(name), test.path.with_name(name + ".gz"))
    return next((Source("sample_submission", path) for path in candidates if os.path.lexists(path)), None)


def missing_half(name: str, configured: dict[str, str], data: Path) -> ConfigError | DataError:
    """The error for a training set without a test set, or the other way round."""
    other = PAIR[1 - PAIR.index(name)]
    if other in configured:
        return ConfigError(
            f"ingest.{other} is set, but there is no {name} set",
            where=str(data),
            hint=f"set ingest.{name} as well, or put {FILE_NAMES[name]} into data/",
        )
    return DataError(
        f"there is {FILE_NAMES[other]}, but no {FILE_NAMES[name]}",
        where=str(data),
        hint=f"put {FILE_NAMES[name]} (or {FILE_NAMES[name]}.gz) beside it",
    )


def require_readable(path: Path) -> None:
    """``path`` is a regular file that may be read: opening a pipe would wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror}", where=str(path), hint="check the path"
        ) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise DataError(f"{path.name} is {kind}, not a file", where=str(path), hint="put the file itself there")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path.name} may not be read by you", where=str(path), hint=f"chmod u+r {path}")


def shown(files: dict[str, Source], folder: Path) -> str:
    """Where the training set comes from, as a person would write it."""
    path = files["train"].path
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def sample() -> Sources:
    """The bundled sample, and the words that say so."""
    return Sources(
        files=tuple(Source(name, SAMPLE_FOLDER / f"{FILE_NAMES[name]}.gz") for name in PAIR),
        origin=SAMPLE_ORIGIN,
        # The same words whatever else lies there: they are part of what the engine fingerprints.
        notice=(
            "No data found, so this is the BUNDLED SAMPLE: 1,797 digits of 8 x 8.\n"
            "To use your own, put train.csv and test.csv,\n"
            "or the competition's zip, into data/."
        ),
    )
