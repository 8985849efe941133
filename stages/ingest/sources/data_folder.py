"""What lies in data/: the two CSV files, plain, gzipped or zipped; the competition's zip; or something else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import DataError, first_few
from pipeline.files.paths import broken_link, leads_to_file, leads_to_folder
from pipeline.printable_text import visible
from pipeline.task import Source
from stages.ingest.sources.possible_data import (
    NO_CSV,
    PACKED,
    PAIR,
    PICTURES,
    SET_PATHS,
    endings,
    possible_data,
    seems_unfinished,
)
from stages.ingest.sources.zip_files import (
    find_members,
    list_members,
    require_readable,
    sizes_of_members,
)
from stages.shared.messages import shortened

FILE_NAMES = {"train": "train.csv", "test": "test.csv", "sample_submission": "sample_submission.csv"}

PUT_FILES = "put train.csv and test.csv, or the competition's zip, into data/"
READABLE = "a run reads .csv, .csv.gz, .csv.zip, and a zip that holds both"

TABLE_ENDINGS = (".csv", ".csv.gz")


def require_folder(data: Path) -> None:
    """Raise DataError if ``data`` exists and is no folder that may be read."""
    if not os.path.lexists(data) or os.access(data / ".", os.R_OK | os.X_OK):
        return
    what, hint = broken_link(data) or ("is not a folder", f"make it a folder and {PUT_FILES}")
    if leads_to_folder(data):
        what, hint = "may not be read by you", f"chmod u+rx {data}"
    raise DataError(f"{data.name} {what}", where=str(data), hint=f"{hint}, or {SET_PATHS}")


def files_in(data: Path) -> dict[str, Source]:
    """The training and the test set in ``data``, as far as they are there.

    ``train.csv`` or ``train.csv.gz`` come first, then a zip of its own for each file that is missing, then the one
    zip that holds both.

    Raises
    ------
    DataError
        Two files could be meant, or a zip cannot be trusted or lacks a file.
    """
    found = {name: Source(name, path) for name in PAIR if (path := plain_file(name, data))}
    own_zips = {name: data / f"{FILE_NAMES[name]}.zip" for name in PAIR if name not in found}
    are_there = all(os.path.lexists(path) for path in own_zips.values())
    if are_there and not any(set(PAIR) <= members_of(path).keys() for path in own_zips.values()):
        return found | {name: source_in_zip(name, path) for name, path in own_zips.items()}
    return found or zip_in(data)


def plain_file(name: str, data: Path) -> Path | None:
    """``train.csv`` or ``train.csv.gz`` in ``data``, if one of them is there."""
    candidates = [data / (FILE_NAMES[name] + ending) for ending in ("", ".gz")]
    present = [path for path in candidates if os.path.lexists(path)]
    if len(present) > 1:
        raise DataError(
            f"there are both {present[0].name} and {present[1].name}, which may differ",
            where=str(data),
            hint=f"remove one of them, or set ingest.{name} to the one that is meant",
        )
    return present[0] if present else None


def zip_in(data: Path) -> dict[str, Source]:
    """The members of the one zip in ``data`` that holds train.csv and test.csv; nothing if there is no zip."""
    zips = sorted(path for path in data.glob("*.zip") if not leads_to_folder(path))
    if not zips:
        return {}
    if len(zips) == 1:
        return require_pair(members_of(zips[0]), zips[0])
    holding = [members for path in zips if set(PAIR) <= (members := members_of(path)).keys()]
    if len(holding) == 1:
        return holding[0]
    if not holding:
        raise DataError(
            f"none of the {len(zips)} zips in {data.name}/ holds both train.csv and test.csv: {listed(zips, data)}",
            where=str(data),
            hint="name one for each file train.csv.zip and test.csv.zip, or unzip them, and set ingest.train and "
            "ingest.test to the two CSV files",
        )
    raise DataError(
        f"{len(holding)} of the {len(zips)} zips in {data.name}/ hold both train.csv and test.csv, and only one may: "
        f"{listed(zips, data)}",
        where=str(data),
        hint="leave one of them, or set ingest.archive to the one that is meant",
    )


def members_of(path: Path) -> dict[str, Source]:
    """The files of the zip at ``path``, by what they are."""
    require_readable(path)
    members = find_members(path, tuple(FILE_NAMES.values()))
    return {name: Source(name, path, members[file]) for name, file in FILE_NAMES.items() if file in members}


def require_pair(members: dict[str, Source], path: Path) -> dict[str, Source]:
    """``members`` of the zip at ``path``; DataError unless both train.csv and test.csv are among them."""
    if missing := [name for name in PAIR if name not in members]:
        raise incomplete_zip(path, missing)
    return members


def source_in_zip(name: str, path: Path) -> Source:
    """The file ``name`` (``train``) in a zip: the member that is called so, or else the only one.

    Raises
    ------
    DataError
        The zip cannot be trusted, or holds several files under other names.
    """
    if named := members_of(path).get(name):
        return named
    held = list_members(path)
    if len(held) != 1:
        raise incomplete_zip(path, [name])
    (member,) = find_members(path, (Path(held[0].replace("\\", "/")).name,)).values()  # with the same checks
    return Source(name, path, member)


def incomplete_zip(path: Path, missing: Sequence[str]) -> DataError:
    """The error for a zip without the files that are ``missing`` (``train``); it says what the zip holds."""
    held = list_members(path)
    shown = first_few([shortened(name) for name in held]) or "nothing"
    return DataError(
        f"the zip {path.name} holds no {' and no '.join(FILE_NAMES[name] for name in missing)}; it holds {shown}",
        where=str(path),
        hint=hint_for_incomplete_zip(path.name, held, missing),
    )


def hint_for_incomplete_zip(zip_name: str, held: Sequence[str], missing: Sequence[str]) -> str:
    """What to do about a zip without one of the two files, or both, by what it has in their place."""
    inner = {Path(name).name for name in held}
    if all(inner & {f"{FILE_NAMES[name]}.gz", f"{FILE_NAMES[name]}.zip"} for name in missing):
        return "unzip it, and put what it holds into data/: .csv.gz and .csv.zip are read there"
    unzip = "unzip it, and set ingest.train and ingest.test to the two CSV files"
    if len(missing) == 1:
        lost, other = FILE_NAMES[missing[0]], FILE_NAMES[PAIR[1 - PAIR.index(missing[0])]]
        if zip_name == f"{other}.zip":  # one of a pair
            return f"put {lost}.zip (or {lost}) beside it"
        if other in inner:
            return f"one zip must hold both: download it again, or unzip it into data/ and put {lost} beside {other}"
        return unzip
    if zips := sorted(shortened(name) for name in inner if name.lower().endswith(".zip")):
        return f"unzip it, and put the zip that it holds ({first_few(zips)}) into data/ in its place"
    if tables := [shortened(name) for name in held if name.lower().endswith(TABLE_ENDINGS)]:
        return f"it looks like another competition's zip ({first_few(tables)}): put the right one there, or {unzip}"
    return unzip


def require_no_other_data(data: Path) -> None:
    """Raise DataError if something in ``data`` may be the user's data: the sample must not replace it."""
    if others := sorted(possible_data(data)):
        raise DataError(
            f"{data.name}/ holds no train.csv and test.csv, but {listed(others, data)}",
            where=str(data),
            hint=f"{advice(others)}name them data/train.csv and data/test.csv, or {SET_PATHS}",
        )


def advice(others: Sequence[Path]) -> str:
    """What to do about files that cannot be read as they are, and which can."""
    todo = "let the download finish, or repeat it; " if any(map(seems_unfinished, others)) else ""
    for form, how in ((PACKED, "unpack {}; "), (NO_CSV, "export {} as CSV; ")):
        if named := [visible(path.name) for path in others if any(map(form.fullmatch, endings(path)[-1:]))]:
            todo += how.format(first_few(named))
    images = {
        "IDX files": any("ubyte" in path.name.lower() for path in others),
        "pictures": any(PICTURES.fullmatch(end) for path in others for end in endings(path)[-1:]),
    }
    if kinds := [kind for kind, is_there in images.items() if is_there]:
        todo += f"make a CSV of the {' and '.join(kinds)}, with a row of pixels for each image; "
    return f"{todo}{READABLE}: "


def listed(paths: Sequence[Path], data: Path) -> str:
    """The first few of ``paths``, as seen from ``data``."""
    return first_few([visible(path.relative_to(data).as_posix()) for path in paths])


def unread_zips(found: dict[str, Source], data: Path) -> list[Path]:
    """The zips in ``data`` that are not read, though they hold other versions of the plain files ``found``.

    A zip whose files have the same sizes is the one that they come from. A zip without these files is left out.
    """
    sizes = {FILE_NAMES[name]: found[name].path.stat().st_size for name in PAIR if found[name].member is None}
    used = {source.path for source in found.values()}
    unread = []
    for path in sorted(path for path in data.glob("*.zip") if leads_to_file(path) and path not in used):
        try:
            held = sizes_of_members(path)
        except DataError:
            held = dict.fromkeys(sizes, -1)
        shared = sizes.keys() & held.keys()
        is_meant = {FILE_NAMES[name] for name in PAIR} <= held.keys() or path.name.removesuffix(".zip") in shared
        if is_meant and any(held[name] != sizes[name] for name in shared):
            unread.append(path)
    return unread
