"""Ingest: check raw CSV files of several layouts, and write validated Parquet and a profile.

``convert`` reads each of the two files. This module has the order of the steps, and checks that the files fit together.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.figures import AnyFigure
from pipeline.task import Outcome, Source, Task
from pipeline.visible import readable
from stages.ingest.bad_rows import require_good_test_rows, set_aside_bad_rows
from stages.ingest.convert import FileContents, convert, table_for
from stages.ingest.csv.header import header_cells, read_layout, require_header_in_both, require_no_header
from stages.ingest.csv.ids import (
    SampleSubmission,
    are_counted,
    read_sample_submission,
    require_distinct,
    submission_ids,
)
from stages.ingest.csv.labels import ClassSet
from stages.ingest.csv.layout import (
    Layout,
    image_shape,
    layout_without_header,
    require_agreement,
    require_one_column_more,
)
from stages.ingest.csv.open_raw import open_raw
from stages.ingest.csv.pixel_names import prefix_and_number
from stages.ingest.csv.streams import RawCsv
from stages.ingest.documents import DataSource
from stages.ingest.mnist_labels import is_mnist
from stages.ingest.profile import KAGGLE_HEADER, Profile, SubmissionHeader
from stages.ingest.sources.find import SAMPLE_ORIGIN
from stages.ingest.sources.leakage import NOTICE, notice_of_shared
from stages.shared.documents import encode_document
from stages.shared.messages import counted, shortened
from stages.shared.parquet import write_table

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

EXAMPLES = 5
LIST_CLASSES = "if you list the right labels in ingest.classes, a run names every row that has another one; "


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

        train = converted("train", replace(layouts["train"], requires_ids=False))
        test = converted("test", replace(layouts["test"], label=None))
        require_good_test_rows(test, labels, task)
        set_aside = set_aside_bad_rows(train, labels, task)
        if layouts["test"].label is not None and test.summary.has_rows_of(train.summary):  # a copy, or packed
            raise same_file(task.sources["train"], task.sources["test"], "have the same rows")
        require_classes(train, parameters)
        sample_source = task.sources.get("sample_submission")
        sample = read_sample_submission(sample_source, test.summary.n_rows) if sample_source else None
        if test.layout.id is not None:
            require_distinct(test.ids, test.layout.file)
        submission, ids = submission_ids(test.layout.id, test.ids or None, sample, test.summary.n_rows)
        profile = make_profile(train, test, shape, submission, task)
    write_table(outputs["ingest/ids.parquet"], {submission.id_name: ids})
    outputs["ingest/profile.json"].write_bytes(encode_document(profile))
    is_noted = task.sources.get("test_images") is not None
    notice = NOTICE if is_noted or is_mnist(train.summary) else ""
    notice = notice or notice_of_shared(test.summary.n_shared_images(train.summary), profile.n_test)
    source = DataSource(
        source=readable(task.origin), is_sample=task.origin == SAMPLE_ORIGIN, holds_test_images=bool(notice)
    )
    outputs["ingest/source.json"].write_bytes(encode_document(source))
    figures: dict[str, AnyFigure] = {
        "rows": f"{profile.n_train:,} + {profile.n_test:,} to predict",
        "images": f"{profile.height} x {profile.width}",
        "classes": len(profile.classes),
    }
    are_kaggles = submission == KAGGLE_HEADER and are_counted(ids)
    warnings = (
        *set_aside,
        *unchecked_ids(sample, submission, are_known=are_kaggles or test.layout.id is not None),
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


def unchecked_ids(sample: SampleSubmission | None, submission: SubmissionHeader, *, are_known: bool) -> Iterator[str]:
    """Warn if nothing confirms the sample submission's header and ids."""
    if sample is not None and not are_known:
        header = f"{shortened(submission.id_name)},{shortened(submission.label_name)}"
        yield (
            f"the submission gets its header ({header}) and its ids from {sample.file}; they are not checked, "
            "since the test set has no ids"
        )


def unused_columns(train: Layout, test: Layout) -> Iterator[str]:
    """Warnings about columns that are not used, though the settings do not leave them out."""
    for layout in (train, test):
        for name in layout.row_numbers[:EXAMPLES]:
            named = f"column {shortened(name)!r}" if name else "the column without a name"
            yield f"{layout.file}: {named} is ignored, as the row numbers that pandas or R leave there"
    if test.label is not None:
        yield f"{test.file} has labels, in column {shortened(test.label)!r}: they are not used"


def doubled_test_rows(profile: Profile, sample: SampleSubmission | None) -> Iterator[str]:
    """Warn of test images that occur twice if nothing else says how many rows there are."""
    n = profile.test.duplicate_rows
    if n and profile.id_name is None and sample is None:
        yield f"{counted(n, 'test image')} found in an earlier row too: if a row is doubled, the ids after it are wrong"


def classes_without_rows(train: FileContents, parameters: IngestParameters) -> Iterator[str]:
    """Warn of configured classes without a training row: they cannot be learned."""
    if unseen := set(parameters.classes or ()) - set(train.summary.n_of_class):
        shown = ", ".join(shortened(label) for label in sorted(map(repr, unseen))[:EXAMPLES])
        verbs = "has no training row and is" if len(unseen) == 1 else "have no training row and are"
        yield f"{len(unseen)} of ingest.classes {verbs} left out: {shown}"


def make_profile(
    train: FileContents,
    test: FileContents,
    shape: tuple[int, int],
    submission: SubmissionHeader,
    task: Task[IngestParameters],
) -> Profile:
    """The profile of both sets, whose images have ``shape`` (height, width)."""
    height, width = shape
    prefix, first_pixel = prefix_and_number(train.layout.pixels[0])
    return Profile(
        height=height,
        width=width,
        n_pixels=height * width,
        pixel_prefix=prefix,
        first_pixel=first_pixel,
        label_name=task.parameters.label,
        id_name=test.layout.id,
        classes=train.summary.class_counts(),
        n_train=train.summary.n_rows,
        n_test=test.summary.n_rows,
        n_quarantined=train.bad.n,
        train=train.summary.image_set(train.layout.pixels, shape),
        test=test.summary.image_set(test.layout.pixels, shape),
        conflicting_labels=train.summary.n_conflicting(),
        shared_rows=len(test.summary.shared_rows(train.summary)),
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


def read_layouts(raw: dict[str, RawCsv], parameters: IngestParameters) -> dict[str, Layout]:
    """The layouts of both files: by their headers, or without headers by the number of cells in their first lines."""
    lines = {name: file.read_header() for name, file in raw.items()}
    cells = {name: header_cells(lines[name], file.name) for name, file in raw.items()}
    if parameters.has_header:
        require_header_in_both(cells["train"], raw["train"].name, cells["test"], raw["test"].name)
        layouts = {
            name: read_layout(lines[name], file.name, parameters, file.next_lines, needs_label=name == "train")
            for name, file in raw.items()
        }
    else:
        layouts = {}
        labels = {"train": parameters.label, "test": None}
        for name, file in raw.items():
            require_no_header(cells[name], file.name, "leave out the setting ingest.has_header, or remove that line")
            layouts[name] = layout_without_header(len(cells[name]), file.name, labels[name])
            file.put_back(lines[name])
        require_one_column_more(layouts["train"], layouts["test"])
    require_agreement(layouts["train"], layouts["test"], parameters)
    return layouts


def require_classes(train: FileContents, parameters: IngestParameters) -> None:
    """Raise DataError if there is only one class, or a class has fewer rows than the settings demand."""
    file, classes = train.layout.file, train.summary.class_counts()
    if len(classes) < 2:
        what = (
            f"every row of {file} has the label {shortened(repr(classes[0].label))}"
            if classes
            else f"{file} has no valid row"
        )
        hint = "add rows of other classes"
        if not parameters.has_header:
            hint += (
                "; without a header the labels are the first column: if they stand elsewhere, give both files a header"
            )
        raise DataError(f"{what}: there is nothing to tell apart", where=file.path, hint=hint)
    few = [each for each in classes if each.rows < parameters.min_rows_per_class]
    if few:
        shown = []
        for each in few[:EXAMPLES]:
            lines = train.lines_labelled(each.label, EXAMPLES)
            more = f" and {each.rows - len(lines):,} more" if each.rows > len(lines) else ""
            shown.append(
                f"label {shortened(repr(each.label))} in line{'s' * (each.rows > 1)} {', '.join(map(str, lines))}{more}"
            )
        if len(few) > EXAMPLES:
            shown.append(f"and {counted(len(few) - EXAMPLES, 'more class', 'more classes')}")
        least = min(each.rows for each in few)
        unstratified = " and split.stratify = false" if least == 1 else ""  # a single row cannot be divided
        has, fewest = "has" if len(few) == 1 else "have", parameters.min_rows_per_class
        raise DataError(
            f"{len(few)} of the {len(classes)} classes {has} fewer than {counted(fewest, 'row')}, "
            "too few for training and validation",
            where=[f"{file.path}, column {shortened(train.layout.label or '')}", *shown],
            hint="correct the label if it is wrong, or else add rows of the class or remove its rows; "
            f"{LIST_CLASSES if parameters.classes is None else ''}"
            f"to go on all the same, set ingest.min_rows_per_class = {least}{unstratified}",
        )
