"""Ingest: check raw CSV files of several layouts, and write validated Parquet and a profile.

``csv_to_table`` reads each of the two files. This module has the order of the steps, and checks that the files fit
together.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError
from pipeline.figures import AnyFigure
from pipeline.printable_text import readable
from pipeline.task import Outcome, Source, Task
from stages.ingest.bad_rows.stop_or_set_aside import require_good_test_rows, set_aside_bad_rows
from stages.ingest.classes import classes_without_rows, require_classes
from stages.ingest.csv.both_layouts import read_layouts, unused_columns
from stages.ingest.csv.labels import ClassSet
from stages.ingest.csv.layout import Layout, image_shape
from stages.ingest.csv.open_raw import open_raw
from stages.ingest.csv.pixel_names import prefix_and_number
from stages.ingest.csv_to_table import FileContents, convert, table_for
from stages.ingest.documents import DataSource
from stages.ingest.mnist_labels import is_mnist
from stages.ingest.profile import Profile, SubmissionHeader
from stages.ingest.sources.find import SAMPLE_ORIGIN
from stages.ingest.sources.notice_of_test_images import NOTICE, notice_of_shared
from stages.ingest.submission_format import SampleSubmission, read_sample_submission, submission_ids, unchecked_ids
from stages.shared.documents import encode_document
from stages.shared.messages import counted
from stages.shared.parquet import write_table

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters


def ingest(task: Task[IngestParameters]) -> Outcome:
    """Write both sets as Parquet, the test rows' ids, the profile, and where the data came from.

    Raises
    ------
    DataError
        A file is not a table of images, a row is not valid, or the files do not belong together.
    ConfigError
        The configured image size or classes are not possible.
    """
    parameters, outputs = task.parameters, task.outputs
    labels = ClassSet(parameters.classes)
    require_different_files(task.sources["train"], task.sources["test"])
    with ExitStack() as stack:
        raw = {name: stack.enter_context(open_raw(task.sources[name])) for name in ("train", "test")}
        layouts = read_layouts(raw, parameters)
        shape = image_shape(layouts["train"], parameters)
        total = sum(each.size for each in raw.values())
        prepare_checks()  # before threads parse: an import would hold Python's lock

        def show_progress() -> None:
            task.progress(sum(each.n_read() for each in raw.values()) / 1e6, total / 1e6, unit="MB")

        def converted(name: str, layout: Layout) -> FileContents:
            """The table is still being written when this returns, and is whole once the stack is left."""
            table = stack.enter_context(table_for(layout, labels, outputs[f"ingest/{name}.parquet"]))
            return convert(raw[name], layout, labels, table, show_progress)

        train = converted("train", layouts["train"])
        test = converted("test", replace(layouts["test"], label=None))
        require_good_test_rows(test, labels, task)
        set_aside = set_aside_bad_rows(train, labels, task)
        if layouts["test"].label is not None and test.summary.has_rows_of(train.summary):  # a copy, or packed
            raise same_file(task.sources["train"], task.sources["test"], "have the same rows")
        require_classes(train, parameters)
        sample_source = task.sources.get("sample_submission")
        sample = read_sample_submission(sample_source, test.summary.n_rows) if sample_source else None
        submission, ids = submission_ids(test.layout, test.ids, sample, test.summary.n_rows)
        shared = test.summary.shared_hashes(train.summary)
        profile = make_profile(train, test, shape, len(shared), submission)
    is_noted = task.sources.get("test_images") is not None
    notice = NOTICE if is_noted or is_mnist(train.summary) else notice_of_shared(len(np.unique(shared)), profile.n_test)
    source = DataSource(
        source=readable(task.origin), is_sample=task.origin == SAMPLE_ORIGIN, holds_test_images=bool(notice)
    )
    write_table(outputs["ingest/ids.parquet"], {submission.id_name: ids})
    outputs["ingest/profile.json"].write_bytes(encode_document(profile))
    outputs["ingest/source.json"].write_bytes(encode_document(source))
    figures: dict[str, AnyFigure] = {
        "rows": f"{profile.n_train:,} + {profile.n_test:,} to predict",
        "images": f"{profile.height} x {profile.width}",
        "classes": len(profile.classes),
    }
    warnings = (
        *set_aside,
        *unchecked_ids(test.layout, sample, ids),
        *unused_columns(layouts["train"], layouts["test"]),
        *doubled_test_rows(profile, sample),
        *classes_without_rows(train, parameters),
        *profile.warnings(),
    )
    return Outcome(figures, warnings, notice="" if is_noted else notice)  # a note was shown before the run began


def prepare_checks() -> None:
    """Import what the written files are checked with, without the garbage collector; once in a process.

    An import makes many objects and hardly any garbage. If the collector examined them again and again, and once more
    when the process ends, that would take half as long as the import.
    """
    if "pandera" in sys.modules:
        return
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        import pandas as pd
        import pandera.pandas as pa

        # pandera imports its rules when it checks its first table
        pa.DataFrameSchema({"label": pa.Column(int, pa.Check.isin([0]))}).validate(pd.DataFrame({"label": [0]}))
    finally:
        gc.freeze()
        if is_enabled:
            gc.enable()


def doubled_test_rows(profile: Profile, sample: SampleSubmission | None) -> Iterator[str]:
    """Warn of test images that occur twice if nothing else says how many rows there are."""
    n = profile.test.duplicate_rows
    if n and profile.id_name is None and sample is None:
        yield f"{counted(n, 'test image')} found in an earlier row too: if a row is doubled, the ids after it are wrong"


def make_profile(
    train: FileContents, test: FileContents, shape: tuple[int, int], n_shared: int, submission: SubmissionHeader
) -> Profile:
    """The profile of both sets, whose images have ``shape`` (height, width); ``n_shared`` test rows are in train."""
    height, width = shape
    prefix, first_pixel = prefix_and_number(train.layout.pixels[0])
    return Profile(
        height=height,
        width=width,
        n_pixels=height * width,
        pixel_prefix=prefix,
        first_pixel=first_pixel,
        label_name=train.layout.label or "",
        id_name=test.layout.id,
        classes=train.summary.class_counts(),
        n_train=train.summary.n_rows,
        n_test=test.summary.n_rows,
        n_quarantined=train.bad.n,
        train=train.summary.image_set(train.layout.pixels, shape),
        test=test.summary.image_set(test.layout.pixels, shape),
        conflicting_labels=train.summary.n_conflicting(),
        shared_rows=n_shared,
        submission=submission,
    )


def require_different_files(train: Source, test: Source) -> None:
    """Raise DataError if the training and the test set are one file under two names."""
    if train.member == test.member and train.path.samefile(test.path):
        raise same_file(train, test, "are the same file")


def same_file(train: Source, test: Source, what: str) -> DataError:
    """The error for a training set that is also given as the test set."""
    return DataError(
        f"the training set and the test set {what}",
        where=[str(train.path), str(test.path)],
        hint="set ingest.test to the file of the images to predict; at Kaggle it is test.csv, without labels",
    )
