"""The ids of the test rows, and the header of a submission: from the test set, the sample submission, or counted."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.errors import DataError, first_few
from pipeline.task import Source
from stages.ingest.csv.header import header_cells
from stages.ingest.csv.labels import WHOLE_NUMBER, is_id
from stages.ingest.csv.layout import Layout
from stages.ingest.csv.open_raw import open_raw
from stages.ingest.profile import KAGGLE_HEADER, SubmissionHeader
from stages.shared.messages import FileName, counted, shortened

LEAVE_OUT = 'or set ingest.sample_submission = "none" to leave it out'
PUT_SAMPLE = f"put the sample_submission.csv that came with this test set there, {LEAVE_OUT}"


@dataclass(frozen=True, slots=True)
class SampleSubmission:
    """A competition's sample submission: its header, and its ids as texts, in its order."""

    file: FileName
    header: SubmissionHeader
    ids: list[str]


def read_sample_submission(source: Source, n_test: int) -> SampleSubmission:
    """Read a sample submission, which must have ``n_test`` rows.

    Raises
    ------
    DataError
        A row is not an id and a label, an id occurs twice, it belongs to another test set, or is no readable table:
        the hint says how to leave it out.
    """
    try:
        return _read_sample_submission(source, n_test)
    except DataError as error:
        if LEAVE_OUT not in error.hint:
            error.hint += f", {LEAVE_OUT}"
        raise


def _read_sample_submission(source: Source, n_test: int) -> SampleSubmission:
    with open_raw(source) as raw:
        header = header_cells(raw.read_header(), raw.name)
        if len(header) != 2:
            what = f"{raw.name} has {counted(len(header), 'column')}, not an id and a label"
            raise DataError(what, where=f"{raw.name.path}, line 1", hint=PUT_SAMPLE)
        ids: list[str] = []
        for block in raw.blocks():
            ids += ids_in(block, raw.name, first_line=len(ids) + 2)
            if len(ids) > n_test:
                break
    if len(ids) != n_test:
        at_least = "at least " if len(ids) > n_test else ""
        raise another_test_set(
            raw.name, f"it has {at_least}{counted(len(ids), 'row')}, and the test set has {n_test:,}"
        )
    require_distinct(ids, raw.name, PUT_SAMPLE)
    return SampleSubmission(raw.name, SubmissionHeader(id_name=header[0], label_name=header[1]), ids)


def ids_in(block: bytes, file: FileName, first_line: int) -> list[str]:
    """The id in each line of ``block``, whose first line has the number ``first_line`` in the file."""
    ids: list[str] = []
    try:
        for cells in csv.reader(block.decode("utf-8").splitlines(), strict=True):
            if len(cells) != 2 or not is_id(cells[0]):
                break
            ids.append(cells[0])
        else:
            return ids
    except (UnicodeDecodeError, csv.Error):
        pass  # raised below
    where = f"{file.path}, line {first_line + len(ids)}"
    raise DataError(f"{file} has a row that is not an id and a label", where=where, hint=PUT_SAMPLE)


def submission_ids(
    test: Layout, test_ids: list[str], sample: SampleSubmission | None, n_test: int
) -> tuple[SubmissionHeader, pa.Array]:
    """The header of a submission, and the id (n_test,) of every test row: int64 if all are whole numbers, else text.

    The header is the sample submission's; without one, the id column's name and ``label`` if the test set has ids of
    its own, and Kaggle's usual one if not. The ids are the test set's own, else the sample's, else 1, 2, ...

    Raises
    ------
    DataError
        An id of the test set occurs twice, or the sample submission has others; or the test set has none, and 1 to m
        are out of order in the sample submission.
    """
    if test.id is None:
        header, ids = KAGGLE_HEADER, sample.ids if sample is not None else None
    else:
        require_distinct(test_ids, test.file)
        header, ids = SubmissionHeader(id_name=test.id, label_name="label"), test_ids
        if sample is not None and (differing := set(ids) ^ set(sample.ids)):
            example = shortened(min(differing))
            n_differing = counted(len(differing), "id stands", "ids stand")
            raise another_test_set(sample.file, f"{n_differing} in one of them only, e.g. {example!r}")
    if sample is not None:
        header = sample.header
    if ids is None:
        return header, pa.array(np.arange(1, n_test + 1))
    if not all(WHOLE_NUMBER.fullmatch(each) for each in ids):
        return header, pa.array(ids, type=pa.string())
    numbers = pa.array([int(each) for each in ids], type=pa.int64())
    if test.id is None and sample is not None and not are_counted(numbers) and are_counted(numbers.sort()):
        raise DataError(
            f"{sample.file} has the ids 1 to {n_test:,} in another order, and the test set has none to go by",
            where=f"{sample.file.path}, column {shortened(header.id_name)}: {first_few(ids)}",
            hint=f"sort it by its ids as numbers, {LEAVE_OUT}",
        )
    return header, numbers


def unchecked_ids(test: Layout, sample: SampleSubmission | None, ids: pa.Array) -> Iterator[str]:
    """Warn if nothing confirms the sample submission's header and ids: neither the test set nor Kaggle's usual ones."""
    if sample is not None and test.id is None and not (sample.header == KAGGLE_HEADER and are_counted(ids)):
        header = f"{shortened(sample.header.id_name)},{shortened(sample.header.label_name)}"
        yield (
            f"the submission gets its header ({header}) and its ids from {sample.file}; they are not checked, "
            "since the test set has no ids"
        )


def are_counted(ids: pa.Array) -> bool:
    """Whether ``ids``, (n_test,), are 1, 2, ... n_test."""
    counted_ids = pa.array(np.arange(1, len(ids) + 1))
    return bool(ids.equals(counted_ids))


def require_distinct(ids: list[str], file: FileName, hint: str = "give every row an id of its own") -> None:
    """Raise DataError if an id occurs twice."""
    if len(set(ids)) < len(ids):
        doubled = [each for each, count in Counter(ids).items() if count > 1]
        rows = [str(index) for index, each in enumerate(ids) if each == doubled[0]][:2]
        n_doubled = counted(len(doubled), "id occurs", "ids occur")
        raise DataError(
            f"in {file}, {n_doubled} more than once, e.g. {shortened(doubled[0])!r}",
            where=f"{file.path}, rows {' and '.join(rows)}, counted from 0",
            hint=hint,
        )


def another_test_set(file: FileName, what: str) -> DataError:
    """The error for a sample submission that does not fit the test set."""
    return DataError(f"{file} belongs to another test set: {what}", where=file.path, hint=PUT_SAMPLE)
