"""What `pipeline fetch` has put into data/."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DataError
from stages.commands.write_output import written
from stages.ingest.sources.data_folder import FILE_NAMES
from stages.ingest.sources.notice_of_test_images import NOTE
from stages.ingest.sources.possible_data import PAIR
from stages.ingest.sources.zip_files import find_members, list_members


@dataclass(frozen=True, slots=True)
class Fetched:
    """The zip in data/: whether it was made or downloaded now, and the files that it holds.

    ``answers`` is the file with the right labels of test.csv, if there is one.
    """

    path: Path
    downloaded: bool
    members: tuple[str, ...]
    is_usable: bool  # it holds train.csv and test.csv
    holds_test_images: bool
    answers: Path | None = None


def describe(path: Path, *, downloaded: bool, answers: Path | None = None) -> Fetched:
    """Describe the zip at ``path``, and the file ``answers`` if it exists; DataError if the zip cannot be read."""
    try:
        members = find_members(path, tuple(FILE_NAMES.values()))
    except DataError as error:
        if downloaded:
            raise
        hint = f"pipeline fetch {path.stem} --force replaces it"
        raise DataError(error.what, where=error.places, hint=hint) from error
    return Fetched(
        path,
        downloaded,
        tuple(list_members(path)),
        is_usable=all(FILE_NAMES[name] in members for name in PAIR),
        holds_test_images=NOTE in find_members(path, (NOTE,)),
        answers=answers if answers and answers.exists() else None,
    )


def written_to(data: Path, name: str) -> AbstractContextManager[None]:
    """Turn an OSError of a block that writes ``name`` into the folder ``data`` into a DataError."""
    return written(name, data, f"make {data.name}/ a folder that you may write to")
