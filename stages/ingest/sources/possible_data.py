"""Files in data/ that may be the user's data, but cannot be read as they are: by name, or else by their first bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files.paths import leads_to_folder
from stages.ingest.sources.other_formats import DATA_FORMATS, LIBSVM

PAIR = ("train", "test")
SET_PATHS = "set ingest.train and ingest.test (or ingest.archive, for a zip) to the files' paths"
MOST_ENTRIES = 100_000  # of data/ and its folders that are looked at

COMPETITION_FILE = re.compile(r"digit-recognizer\.zip|(train|test)\.csv(\.gz|\.zip)?")  # looked for beside data/
ANSWERS = "answers"  # a folder in data/ with the right labels of test sets: never data

# Endings of files that are packed in a way that is not read, of tables and arrays that are no CSV, of all that may be
# data, of downloads that are not finished, of pictures, and of files that are none of these.
PACKED = re.compile("zipx|xz|bz2|zst|lz4|lzma|br|z|7z|rar|tar|tgz|txz|tbz2?")
NO_CSV = re.compile(
    "tsv|tab|psv|json|jsonl|ndjson|xml|xlsx?|xlsb|xlsm|ods|parquet|pq|feather|arrow|ipc|orc|avro|npy|npz|mat|hdf5?|h5|"
    "pkl|pickle|pt|pth|arff|libsvm|svm|idx[0-9]*|tfrecords?|sqlite3?|db|rds|rdata|sas7bdat|dta|sav"
)
DATA = re.compile(f"csv|data?|tra|tes|zip|gz|{NO_CSV.pattern}|{PACKED.pattern}")
UNFINISHED = re.compile("part|partial|crdownload|download|opdownload|filepart|te?mp|aria2")
UNFINISHED_COPY = re.compile(r"\..+\.[A-Za-z0-9]{6}")  # .train.csv.x7Kp2a, as rsync calls a file that it copies
PICTURES = re.compile("png|jpe?g|gif|bmp|webp|tiff?|pgm")
NEITHER = re.compile("md|rst|py|ipynb|html?|css|js|pdf|svg|toml|ya?ml|log")

# Tables that are text: sixteen cells (pixels of 4 x 4) that are numbers or end in one. A cell may be written as
# 153:0.07, as libsvm does, or 1.0e+02.
CELLS = rb"(?:[\w.:+\"'-]{0,40}\d[\"']?[,;|\s]\s{0,10}){16}"
LOOKED_AT = 2**16  # bytes of a file whose name says nothing


def possible_data(data: Path) -> Iterator[Path]:
    """What lies in ``data``, or in a folder at any depth in it, and may be data.

    Hidden files are left out, unless they are unfinished copies. The folder ``ANSWERS`` is left out too.

    Raises
    ------
    DataError
        There are more files and folders than can be looked through.
    """
    waiting, n_entries = [data], 0
    seen: set[tuple[int, int]] = set()
    while waiting:
        folder = waiting.pop()
        entries = new_entries(folder, seen)
        n_entries += len(entries)
        if n_entries > MOST_ENTRIES:
            what = f"{data.name}/ holds no train.csv and test.csv, but over {MOST_ENTRIES:,} files"
            raise DataError(what, where=str(data), hint=SET_PATHS)
        is_set = any(name.lower().startswith(PAIR) or len(name) == 1 for name in folder.relative_to(data).parts)
        for entry in entries:
            path = folder / entry.name
            if path == data / ANSWERS:
                continue
            if entry.name.startswith("."):
                if seems_unfinished(path):
                    yield path
            elif leads_to_folder(path):
                waiting.append(path)
            elif may_be_data(path, is_set=is_set):
                yield path


def new_entries(folder: Path, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """The entries of a folder; none if it cannot be read, or was ``seen`` before by way of a link."""
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return []
        seen.add((status.st_dev, status.st_ino))
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []


def beside_data(data: Path) -> str:
    """Say which of the competition's files lie in the project's folder, or in ``Data/``, in place of ``data``.

    An empty text if none does.
    """
    others = sorted(name for name in names_in(data.parent) if name.lower() == data.name and name != data.name)
    for place, named in ((data.parent, "this folder"), *((data.with_name(name), f"{name}/") for name in others)):
        names = sorted(filter(COMPETITION_FILE.fullmatch, names_in(place)), reverse=True)[:2]  # train.csv first
        if names:
            lie, them = ("lies", "it") if len(names) == 1 else ("lie", "them")
            return f"{' and '.join(names)} {lie} in {named}; move {them} into data/."
    return ""


def names_in(folder: Path) -> list[str]:
    """The names of what lies in a folder; none if it is no folder or may not be read."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def may_be_data(path: Path, *, is_set: bool) -> bool:
    """Whether a file may be data by its name, or else by its beginning.

    Pictures may be data if ``is_set``: a folder above them is named after one of the two sets, or is a single letter or
    digit, as the folder of a class.
    """
    ends, name = endings(path), path.name.lower()
    if any(map(NEITHER.fullmatch, ends[-1:])):
        return False
    if any(map(PICTURES.fullmatch, ends[-1:])):
        return is_set
    is_called_so = name.partition(".")[0] in PAIR or "ubyte" in name  # as the files of MNIST itself
    return is_called_so or any(DATA.fullmatch(end) or UNFINISHED.fullmatch(end) for end in ends) or holds_data(path)


def holds_data(path: Path) -> bool:
    """Whether a plain file begins as an archive or a table of some kind does."""
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            return False
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
    except OSError:  # it is not there, or may not be read
        return False
    is_tar = start[257:262] == b"ustar"
    text = start.replace(b"\0", b"")  # UTF-16 too
    has_cells = any(re.search(form, text) for form in (CELLS, LIBSVM))
    return is_tar or has_cells or any(re.match(form, start) for form, _, _ in DATA_FORMATS)


def seems_unfinished(path: Path) -> bool:
    """Whether a file has the name of an unfinished download or copy."""
    ends = endings(path)
    is_copy = UNFINISHED_COPY.fullmatch(path.name) and any(map(DATA.fullmatch, ends[:-1]))
    return bool(is_copy) or any(map(UNFINISHED.fullmatch, ends[-1:]))


def endings(path: Path) -> list[str]:
    """``["csv", "gz"]`` for ``train.csv.gz``."""
    return re.findall(r"\.([a-z0-9]+)", path.name.lower())
