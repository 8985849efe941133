"""Write a public data set as a Kaggle competition's files: a zip in data/, and the answers in a file of their own."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow.csv import WriteOptions, write_csv

from pipeline.errors import DataError
from pipeline.files.safe_files import replacing
from pipeline.task import Progress
from stages.commands.data_sets import DataSet
from stages.commands.fetch.download import cache_folder, download
from stages.commands.fetch.fetched import Fetched, describe, written_to
from stages.commands.fetch.idx import read_idx
from stages.ingest.profile import KAGGLE_HEADER
from stages.ingest.sources.notice_of_test_images import NOTE, NOTICE
from stages.ingest.sources.possible_data import ANSWERS

ROWS_AT_ONCE = 4096
ABOUT = f"{NOTICE}\nThe pipeline looks for this file beside train.csv. Leave it there.\n"


def fetch_data_set(
    data_set: DataSet,
    data: Path,
    progress: Progress,
    *,
    mirrors: Sequence[str] = (),
    again: bool = False,
) -> Fetched:
    """Put ``<name>.zip`` and ``answers/<name>.csv`` into the folder ``data``, from ``mirrors`` or the set's own.

    Existing files are kept, unless ``again`` is set; missing answers are written again. The answers are written before
    the zip, so no zip is ever without them.

    Raises StageError if no mirror serves a file as it was published, and DataError if something cannot be written.
    """
    path, answers = data / f"{data_set.name}.zip", data / ANSWERS / f"{data_set.name}.csv"
    stays = path.exists() and not again
    if stays and answers.exists():
        return describe(path, downloaded=False, answers=answers)
    wanted = (data_set.test_labels,) if stays else data_set.files
    files = download(wanted, mirrors or data_set.mirrors, cache_folder(data_set.name), progress)
    if stays:
        write_answers(answers, read_idx(files[data_set.test_labels.name], 1))
        return describe(path, downloaded=False, answers=answers)
    n_megabytes = sum(file.size for file in data_set.files) / 1e6
    progress(n_megabytes, n_megabytes, unit="MB", note=f"all files are there; writing {path.name}")
    images, labels = read_pair(files[data_set.train_images.name], files[data_set.train_labels.name])
    test_images, test_labels = read_pair(files[data_set.test_images.name], files[data_set.test_labels.name])
    if again or not answers.exists():
        write_answers(answers, test_labels)
    with written_to(data, path.name), replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        with open_member(archive, "train.csv") as member:
            write_images(member, np.column_stack([labels, images]), ("label",))
        with open_member(archive, "test.csv") as member:
            write_images(member, test_images)
        with open_member(archive, "sample_submission.csv") as member:
            member.write(as_submission(np.zeros_like(test_labels)))
        if data_set.holds_test_images:
            with open_member(archive, NOTE) as member:
                member.write(ABOUT.encode())
    return describe(path, downloaded=True, answers=answers)


def write_answers(path: Path, labels: NDArray[np.uint8]) -> None:
    """Write the labels (m,) to ``path``, a file in data/answers/; DataError if it cannot be written."""
    with written_to(path.parent.parent, f"{ANSWERS}/{path.name}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(as_submission(labels))


def read_pair(images: Path, labels: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The images (m, n_pixels) and labels (m,) of two IDX files; DataError if one is damaged, or they do not match."""
    X, y = read_idx(images, 3), read_idx(labels, 1)
    if len(X) != len(y):
        what = f"{images.name} has {len(X):,} images, and {labels.name} {len(y):,} labels"
        raise DataError(what, where=str(images), hint="remove both, and fetch again")
    return X.reshape(len(X), -1), y


def open_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open a new member of the zip. It gets no time stamp, so the same data give the same bytes."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return archive.open(info, "w", force_zip64=True)


def write_images(file: IO[bytes], table: NDArray[np.uint8], before: tuple[str, ...] = ()) -> None:
    """Write ``table`` (m, n) as CSV. ``before`` names its first columns; the others are ``pixel0``, ``pixel1``, ..."""
    names = [*before, *(f"pixel{index}" for index in range(table.shape[1] - len(before)))]
    file.write(f"{','.join(names)}\n".encode())
    options = WriteOptions(include_header=False, quoting_style="none")
    for start in range(0, len(table), ROWS_AT_ONCE):
        columns = np.ascontiguousarray(table[start : start + ROWS_AT_ONCE].T)
        write_csv(pa.table(list(columns), names=names), file, options)


def as_submission(labels: NDArray[np.uint8]) -> bytes:
    """The labels (m,) as a submission, its ids counted from 1."""
    rows = (f"{number},{label}\n" for number, label in enumerate(labels.tolist(), 1))
    return f"{KAGGLE_HEADER.id_name},{KAGGLE_HEADER.label_name}\n{''.join(rows)}".encode()
