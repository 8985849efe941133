"""A competition's files where Kaggle's notebooks have them: below /kaggle/input, in one folder or deeper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files.paths import leads_to_folder
from pipeline.task import Source
from stages.ingest.sources.data_folder import FILE_NAMES, advice, files_in, listed, members_of, require_folder
from stages.ingest.sources.possible_data import MOST_ENTRIES, PAIR, SET_PATHS, new_entries, possible_data

DEEPEST = 4  # folders in folders that are looked into: /kaggle/input/datasets/OWNER/NAME/FOLDER
ENDINGS = ("", ".gz", ".zip")  # of train.csv and test.csv


def files_below(place: Path) -> dict[str, Source]:
    """The training and the test set in the one folder below ``place``, or ``place`` itself, that holds both.

    Nothing if ``place`` is not there, or holds nothing that may be data.

    Raises
    ------
    DataError
        Several folders hold both, no folder does and something else may be meant, or a zip cannot be trusted.
    """
    require_folder(place)
    problems: list[DataError] = []
    holding = list(folders_with_both(place, problems))
    if len(holding) == 1:
        return files_in(holding[0])
    if holding:
        raise DataError(
            f"{len(holding)} folders below {place} hold train.csv and test.csv: {listed(holding, place)}",
            where=str(place),
            hint=f"name the one that is meant: --set ingest.kaggle_input={holding[0]}",
        )
    if problems:
        raise problems[0]
    if others := sorted(possible_data(place)):
        raise DataError(
            f"no folder below {place} holds train.csv and test.csv; there is {listed(others, place)}",
            where=str(place),
            hint=f"{advice(others)}{SET_PATHS}; --set ingest.kaggle_input=none leaves that folder alone",
        )
    return {}


def folders_with_both(place: Path, problems: list[DataError]) -> Iterator[Path]:
    """The folders that hold a training and a test set, the least deep ones first; none within such a folder.

    The errors of zips that cannot be read are added to ``problems``.

    Raises
    ------
    DataError
        There are more files and folders than can be looked through.
    """
    level, n_entries = [place], 0
    seen: set[tuple[int, int]] = set()
    for _ in range(DEEPEST + 1):
        below: list[Path] = []
        for folder in level:
            entries = new_entries(folder, seen)
            n_entries += len(entries)
            if n_entries > MOST_ENTRIES:
                hint = f"set ingest.kaggle_input to one folder, or {SET_PATHS}"
                raise DataError(f"there are over {MOST_ENTRIES:,} files below {place}", where=str(place), hint=hint)
            if holds_both(folder, {entry.name for entry in entries}, problems):
                yield folder
            else:
                below += [
                    folder / entry.name for entry in entries if entry.name[0] != "." and leads_to_folder(entry.path)
                ]
        level = below


def holds_both(folder: Path, names: set[str], problems: list[DataError]) -> bool:
    """Whether a folder of the files ``names`` holds a training and a test set: as tables, or in a zip."""
    if all(any(FILE_NAMES[each] + ending in names for ending in ENDINGS) for each in PAIR):
        return True
    for name in sorted(name for name in names if name.endswith(".zip")):
        try:
            if set(PAIR) <= members_of(folder / name).keys():
                return True
        except DataError as error:
            problems.append(error)
    return False
