"""Ingest: raw CSV files, of whatever layout and damage, become validated Parquet and a profile.

Both files stream through in blocks of lines: a few threads parse blocks at once, this one writes them in order.
A block that is not plainly right is sifted line by line (``bad_rows``); everything else never is.
"""

from __future__ import annotations

import json
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from pipeline.errors import DataError
from pipeline.stage import Figure, Outcome, Task
from stages.ingest.csv.bad_rows import (
    BYTES_KEPT,
    COPY_AGAIN,
    CUT_OFF,
    EXAMPLES,
    ROWS_KEPT,
    BadRow,
    BadRows,
    bad_rows_error,
    explain,
    quarantine,
    sift_block,
    text_labels,
)
from stages.ingest.csv.ids import KAGGLE, are_counted, read_sample_submission, require_distinct, submission_ids
from stages.ingest.csv.layout import (
    Label,
    Layout,
    image_shape,
    layout_without_header,
    read_layout,
    require_agreement,
    require_one_column_more,
)
from stages.ingest.csv.parse import Labels, parse_block
from stages.ingest.csv.sources import SAMPLE_ORIGIN
from stages.ingest.csv.streams import RawCsv, open_raw
from stages.ingest.documents import DataSource
from stages.ingest.image_table import Contract, ImageTable
from stages.ingest.profile import Profile, Submission
from stages.ingest.summary import Summary
from stages.shared.documents import encode_document
from stages.shared.messages import counted, is_or_are, percent, shortened
from stages.shared.parquet import write_table

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

# More threads parse faster than one thread writes, and each holds a block.
N_THREADS = min(4, os.cpu_count() or 1)

LARGEST_ADVISED_SHARE = 0.2  # where more rows are bad, it is not the rows that are to be mended

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class Found:
    """What one file turned out to hold."""

    layout: Layout
    summary: Summary
    first_line: int  # the number in the file of the first row's line
    bad: BadRows = field(default_factory=BadRows)
    ids: list[str] = field(default_factory=list)
    is_cut_off: bool = False  # whether it ends in the middle of a row

    @property
    def n_rows(self) -> int:
        """The rows of the file, good and bad."""
        return self.summary.n_rows + self.bad.n

    def lines_labelled(self, label: Label) -> list[int]:
        """The numbers in the file of the first few lines with this label, if all bad rows were kept."""
        lines = [self.first_line + int(row) for row in self.summary.rows_labelled(label)[:EXAMPLES]]
        for bad in self.bad.kept:  # ascending, so each moves those down that stand behind it
            lines = [line + (bad.line <= line) for line in lines]
        return lines


def ingest(task: Task[IngestParameters]) -> Outcome:
    """Write both sets as Parquet, the test rows' ids, the profile, and where the data came from.

    Raises
    ------
    DataError
        A file is not a table of images, a row is not valid, or the files do not belong together.
    ConfigError
        The configured image size or classes cannot be.
    """
    parameters, outputs = task.parameters, task.outputs
    labels = Labels(parameters.classes)
    with ExitStack() as stack:
        raw = {name: stack.enter_context(open_raw(task.sources[name])) for name in ("train", "test")}
        layouts = read_layouts(raw["train"], raw["test"], parameters)
        shape = image_shape(layouts["train"], parameters)
        total = sum(each.size for each in raw.values())

        def show_progress() -> None:
            done = sum(each.size * each.share_read(each.n_bytes) for each in raw.values())
            task.progress(done / 1e6, total / 1e6, unit="MB")

        train, test = (
            convert(
                each,
                layouts[name],
                labels,
                outputs[f"ingest/{name}.parquet"],
                show_progress,
                keep_label=name == "train",
            )
            for name, each in raw.items()
        )
    require_no_bad_rows(test, labels, task.report, "correct these lines: no row of the test set may be left out")
    warnings = list(set_aside_bad_rows(train, labels, task))
    require_classes(train, parameters)
    if test.layout.id is not None:
        require_distinct(test.ids, test.layout.file)
    sample_source = task.sources.get("sample_submission")
    sample = read_sample_submission(sample_source, test.summary.n_rows) if sample_source else None
    submission, ids = submission_ids(test.layout.id, test.ids or None, sample, test.summary.n_rows)
    write_table(outputs["ingest/ids.parquet"], {submission.id_name: ids})
    profile = make_profile(train, test, shape, submission, task)
    outputs["ingest/profile.json"].write_bytes(encode_document(profile))
    source = DataSource(source=task.origin, is_sample=task.origin == SAMPLE_ORIGIN)
    outputs["ingest/source.json"].write_bytes(encode_document(source))
    figures: dict[str, Figure] = {
        "rows": f"{profile.n_train:,} + {profile.n_test:,} to predict",
        "images": f"{profile.height} x {profile.width}",
        "classes": len(profile.classes),
    }
    if sample is not None and test.layout.id is None and not (submission == KAGGLE and are_counted(ids)):
        names = f"{shortened(submission.id_name)},{shortened(submission.label_name)}"
        warnings.append(f"the submission's header is {names} and its ids are unchecked: both as in {sample.file}")
    if test.layout.label is not None:
        warnings.append(
            f"{test.layout.file} has labels, in column {shortened(test.layout.label)!r}: they are used for nothing"
        )
    if unseen := set(parameters.classes or ()) - set(train.summary.n_of_class):
        shown = ", ".join(shortened(label) for label in sorted(map(repr, unseen))[:EXAMPLES])
        verbs = "has no training row and is" if len(unseen) == 1 else "have no training row and are"
        warnings.append(f"{len(unseen)} of ingest.classes {verbs} left out: {shown}")
    return Outcome(figures, warnings=(*warnings, *profile.suspicions()))


def make_profile(
    train: Found, test: Found, shape: tuple[int, int], submission: Submission, task: Task[IngestParameters]
) -> Profile:
    """The profile of both sets, whose images have ``shape`` (height, width)."""
    height, width = shape
    return Profile(
        height=height,
        width=width,
        n_pixels=height * width,
        pixel_prefix=train.layout.prefix,
        first_pixel=train.layout.first_pixel,
        label_name=task.parameters.label,
        id_name=test.layout.id,
        classes=train.summary.class_counts(),
        n_train=train.summary.n_rows,
        n_test=test.summary.n_rows,
        n_quarantined=train.bad.n,
        train=train.summary.image_set(train.layout.pixels),
        test=test.summary.image_set(test.layout.pixels),
        conflicting_labels=train.summary.n_conflicting(),
        shared_rows=len(test.summary.shared_rows(train.summary)),
        submission=submission,
    )


def read_layouts(train: RawCsv, test: RawCsv, parameters: IngestParameters) -> dict[str, Layout]:
    """What the headers of both files say, or without headers the number of cells in their first lines."""
    lines = {"train": train.read_header(), "test": test.read_header()}
    if parameters.has_header:
        layouts = {
            "train": read_layout(lines["train"], train.name, parameters),
            "test": read_layout(lines["test"], test.name, parameters),
        }
    else:
        layouts = {
            "train": layout_without_header(lines["train"], train.name, parameters.label),
            "test": layout_without_header(lines["test"], test.name, None),
        }
        require_one_column_more(layouts["train"], layouts["test"])
        train.put_back(lines["train"])
        test.put_back(lines["test"])
    require_agreement(layouts["train"], layouts["test"], parameters.label)
    return layouts


def convert(
    raw: RawCsv, layout: Layout, labels: Labels, path: Path, show_progress: Callable[[], None], *, keep_label: bool
) -> Found:
    """Write the valid rows of ``raw`` to ``path`` and gather what they are; the others are only noted.

    Raises
    ------
    DataError
        The file is damaged, or holds no row at all.
    """
    found = Found(layout, Summary(len(layout.pixels)), raw.first_line)
    types = {layout.id: pa.string(), layout.label: pa.string() if labels.are_texts else pa.int64()}
    kept = [name for name in layout.names if name in types and (keep_label or name != layout.label)]

    with ImageTable(path, {name: types[name] for name in kept}, layout.pixels) as table:
        for block, parsed in map_ahead(lambda block: (block, parse_block(block, layout, labels)), raw.blocks()):
            rows = parsed
            bad_rows: list[BadRow] = []
            if rows is None:
                rows, bad_rows = sift_block(block, raw.first_line + found.n_rows, layout, labels)
            columns: dict[str | None, list[Any]] = {layout.label: rows.labels, layout.id: rows.ids}
            table.add(rows.pixels, {name: columns[name] for name in kept})
            found.summary.add(rows)
            found.ids += rows.ids
            found.bad.add(bad_rows)
            show_progress()
        last_line = found.first_line + found.n_rows - 1
        found.is_cut_off = raw.ends_within_line and found.bad.has_part_of(last_line, layout)
        classes = tuple(each.label for each in found.summary.class_counts()) if layout.label in kept else ()
        label = layout.label if keep_label else None
        table.describe(Contract(rows=found.summary.n_rows, label=label, id=layout.id, classes=classes))
    if not found.n_rows:
        raise DataError(
            f"{layout.file} has a header, but no rows", where=layout.file.path, hint="download the file again"
        )
    return found


def map_ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Like ``map``, in order, on ``N_THREADS`` threads, and never more than one item ahead of each thread."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(N_THREADS) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > N_THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def require_no_bad_rows(found: Found, labels: Labels, report: Path, hint: str, more: str = "") -> None:
    """Every row of a file is valid; if not, its faults are left in failures.parquet.

    Raises
    ------
    DataError
        A row is not; the error shows the first few.
    """
    if found.bad.n:
        faults = explain(found.bad.kept, found.layout, labels)
        write_table(report / "failures.parquet", faults.table.to_dict("list"))
        if found.is_cut_off:
            more += f": {CUT_OFF}"
            hint = COPY_AGAIN if found.bad.n == 1 else f"{COPY_AGAIN}; if that does not help, {hint}"
        raise bad_rows_error(faults, found.bad.n, found.n_rows, found.layout, hint=hint, more=more)


def set_aside_bad_rows(train: Found, labels: Labels, task: Task[IngestParameters]) -> tuple[str, ...]:
    """Write the bad training rows to quarantine.parquet, if that is wanted and they are few; warn of them.

    Raises
    ------
    DataError
        They are not to be set aside, or are too many.
    """
    if not train.bad.n:
        return ()
    parameters, file = task.parameters, train.layout.file
    share = train.bad.n / train.n_rows
    if parameters.on_error == "stop":
        require_no_bad_rows(train, labels, task.report, hint_for_bad_rows(train, parameters))
    if share > parameters.max_quarantined or not train.bad.are_all_kept:
        limit = f"{ROWS_KEPT:,}" if train.bad.n > ROWS_KEPT else f"{BYTES_KEPT / 2**20:g} MiB of text"
        limit = f"{parameters.max_quarantined:.2%}" if share > parameters.max_quarantined else limit
        more = f" ({percent(share)}), and at most {limit} may be set aside"
        require_no_bad_rows(train, labels, task.report, hint_for_bad_rows(train, parameters), more)
    faults = explain(train.bad.kept, train.layout, labels)
    write_table(task.outputs["ingest/quarantine.parquet"], quarantine(train.bad.kept, faults))
    are_set_aside = f"{is_or_are(train.bad.n)} set aside in quarantine.parquet"
    cut_off = f"; {CUT_OFF}: {COPY_AGAIN}" if train.is_cut_off else ""
    return (
        f"{train.bad.n:,} of the {counted(train.n_rows, 'row')} of {file} ({percent(share)}) {are_set_aside}{cut_off}",
    )


def hint_for_bad_rows(train: Found, parameters: IngestParameters) -> str:
    """What to do about bad training rows: name text labels, look at the whole file, or correct a few lines."""
    texts = text_labels(train.bad.kept, train.layout) if parameters.classes is None else []
    share = train.bad.n / train.n_rows
    if texts and share > LARGEST_ADVISED_SHARE:
        shown = ", ".join(json.dumps(shortened(text), ensure_ascii=False) for text in texts[:EXAMPLES])
        return f"set ingest.classes = [{shown}{', ...' if len(texts) > EXAMPLES else ''}], every label that there is"
    if share > LARGEST_ADVISED_SHARE:
        return "the file is damaged, or is laid out in another way: download it again, or see docs/input.md"
    hint = "correct these lines"
    if train.bad.are_all_kept:
        hint += ', or set ingest.on_error = "quarantine"' if parameters.on_error == "stop" else ""
        if share > parameters.max_quarantined:
            rounded = math.ceil(1000 * share) / 1000
            hint += f"{' and' if parameters.on_error == 'stop' else ', or set'} ingest.max_quarantined = {rounded}"
        hint += " to go on without them"
    return hint


def require_classes(train: Found, parameters: IngestParameters) -> None:
    """There are two classes or more, and each has as many rows as it must have.

    Raises
    ------
    DataError
        There are not.
    """
    file, classes = train.layout.file, train.summary.class_counts()
    if len(classes) < 2:
        what = (
            f"every row of {file} has the label {shortened(repr(classes[0].label))}"
            if classes
            else f"{file} has no valid row"
        )
        raise DataError(f"{what}: there is nothing to tell apart", where=file.path, hint="add rows of other classes")
    few = [each for each in classes if each.rows < parameters.min_rows_per_class]
    if few:
        shown = []
        for each in few[:EXAMPLES]:
            lines = train.lines_labelled(each.label)
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
            where="\n    ".join([f"{file.path}, column {shortened(train.layout.label or '')}", *shown]),
            hint="correct the label if it is wrong, or else add rows of the class or remove its rows; "
            f"to go on all the same, set ingest.min_rows_per_class = {least}{unstratified}",
        )
