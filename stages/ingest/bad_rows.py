"""What happens to a bad row: it stops the run, or it is set aside if the settings say so and such rows are few.

A bad row of the test set always stops the run, since a submission needs an answer for every row.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.figures import percent
from pipeline.task import Task
from stages.ingest.convert import FileContents
from stages.ingest.csv.bad_lines import BYTES_KEPT, ROWS_KEPT
from stages.ingest.csv.faults import (
    COPY_AGAIN,
    CUT_OFF,
    LARGEST_ADVISED_SHARE,
    bad_rows_error,
    explain,
    hint_for_few,
    hint_for_many,
    misspelled_label,
    quarantine,
    text_labels,
)
from stages.ingest.csv.labels import ClassSet
from stages.shared.messages import counted, is_or_are, to_copy
from stages.shared.parquet import write_table

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters


def require_good_test_rows(test: FileContents, labels: ClassSet, task: Task[IngestParameters]) -> None:
    """Raise DataError if a row of the test set is not valid."""
    hint = f"{hint_for_few(test.bad.kept)}: no row of the test set may be left out"
    if test.bad.n > LARGEST_ADVISED_SHARE * test.n_rows:
        hint = hint_for_many(test.bad.kept, test.layout)
    require_no_bad_rows(test, labels, task.report, hint)


def require_no_bad_rows(found: FileContents, labels: ClassSet, report: Path, hint: str, more: str = "") -> None:
    """Raise DataError if a row of a file is not valid; failures.parquet then lists its faults."""
    if found.bad.n:
        faults = explain(found.bad.kept, found.layout, labels)
        write_table(report / "failures.parquet", faults.table.to_dict("list"))
        error = bad_rows_error(
            faults, found.bad.n, found.n_rows, found.layout, is_cut_off=found.is_cut_off, hint=hint, more=more
        )
        error.hint += "; artifacts/ingest/failures.parquet lists every fault"
        if faults.n_whole < found.bad.n:
            error.hint += f" of the first {faults.n_whole:,} bad rows"
        if faults.n_whole < faults.n_rows:
            error.hint += f", and at least one fault of each of the next {faults.n_rows - faults.n_whole:,}"
        raise error


def set_aside_bad_rows(train: FileContents, labels: ClassSet, task: Task[IngestParameters]) -> tuple[str, ...]:
    """Write the bad training rows to quarantine.parquet, if the settings say so and they are few; return a warning.

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
        require_no_bad_rows(train, labels, task.report, hint_for_bad_rows(train, labels, parameters))
    if share > parameters.max_quarantined or not train.bad.are_all_kept:
        limit = f"{ROWS_KEPT:,}" if train.bad.n > ROWS_KEPT else f"{BYTES_KEPT / 2**20:g} MiB of text"
        limit = percent(parameters.max_quarantined) if share > parameters.max_quarantined else limit
        more = f" ({percent(share)}), and at most {limit} may be set aside"
        require_no_bad_rows(train, labels, task.report, hint_for_bad_rows(train, labels, parameters), more)
    faults = explain(train.bad.kept, train.layout, labels)
    write_table(task.outputs["ingest/quarantine.parquet"], quarantine(train.bad.kept, faults))
    are_set_aside = f"{is_or_are(train.bad.n)} set aside in artifacts/ingest/quarantine.parquet"
    cut_off = f"; {CUT_OFF}: {COPY_AGAIN}" if train.is_cut_off else ""
    return (
        f"{train.bad.n:,} of the {counted(train.n_rows, 'row')} of {file} ({percent(share)}) {are_set_aside}{cut_off}",
    )


def hint_for_bad_rows(train: FileContents, labels: ClassSet, parameters: IngestParameters) -> str:
    """What to do about bad training rows: name text labels, look at the whole file, or correct a few lines."""
    classes = parameters.classes
    texts = [text for text in text_labels(train.bad.kept, train.layout) if text not in (classes or ())]
    share = train.bad.n / train.n_rows
    if classes is None and (label := misspelled_label(train.bad.kept, train.layout)):
        return f"write {int(label.partition('.')[0])} in place of {label}, in every line"
    if classes is None and texts and share > LARGEST_ADVISED_SHARE:
        return f"set ingest.classes = [{to_copy(sorted(texts))}], every label that there is"
    hint = hint_for_few(train.bad.kept)
    if texts and labels.are_texts:
        hint = f"add {to_copy(texts)} to ingest.classes if they are labels, or {hint}"
    elif share > LARGEST_ADVISED_SHARE:
        return hint_for_many(train.bad.kept, train.layout)
    if train.bad.are_all_kept and share <= LARGEST_ADVISED_SHARE:
        sets = " --set ingest.on_error=quarantine" if parameters.on_error == "stop" else ""
        if share > parameters.max_quarantined:
            sets += f" --set ingest.max_quarantined={math.ceil(1000 * share) / 1000}"
        hint += f", or go on without them:{sets}"
    return hint
