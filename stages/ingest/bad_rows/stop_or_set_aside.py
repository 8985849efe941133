"""What happens to a bad row: it stops the run, or it is set aside if the settings say so and such rows are few.

A bad row of the test set always stops the run, since a submission needs an answer for every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.figures import percent
from pipeline.task import Task
from stages.ingest.bad_rows.bad_lines import BYTES_KEPT, ROWS_KEPT
from stages.ingest.bad_rows.faults import Fault, explain, quarantine
from stages.ingest.bad_rows.hints import hint_for_few, hint_for_many, hint_for_training_rows
from stages.ingest.csv.labels import ClassSet
from stages.ingest.csv_to_table import FileContents
from stages.shared.messages import EXAMPLES, counted, is_or_are
from stages.shared.parquet import write_table

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

CUT_OFF = "the file seems cut off in the middle of its last line"
COPY_AGAIN = "copy or download it again"


def require_good_test_rows(test: FileContents, labels: ClassSet, task: Task[IngestParameters]) -> None:
    """Raise DataError if a row of the test set is not valid."""
    if test.bad.n:
        few = f"{hint_for_few(test)}: no row of the test set may be left out"
        raise error_with_report(test, labels, task, hint_for_many(test) if test.has_many_bad else few)


def set_aside_bad_rows(train: FileContents, labels: ClassSet, task: Task[IngestParameters]) -> tuple[str, ...]:
    """Write the bad training rows to quarantine.parquet, if the settings say so and they are few; return a warning.

    Raises
    ------
    DataError
        They are not to be set aside, or are too many.
    """
    bad, parameters, share = train.bad, task.parameters, percent(train.share_bad)
    if not bad.n:
        return ()
    hint = hint_for_training_rows(train, labels, parameters)
    if parameters.on_error == "stop":
        raise error_with_report(train, labels, task, hint)
    if train.share_bad > parameters.max_quarantined or not bad.are_all_kept:
        limit = f"{ROWS_KEPT:,}" if bad.n > ROWS_KEPT else f"{BYTES_KEPT / 2**20:g} MiB of text"
        limit = percent(parameters.max_quarantined) if train.share_bad > parameters.max_quarantined else limit
        more = f" ({share}), and at most {limit} may be set aside"
        raise error_with_report(train, labels, task, hint, more)
    faults, _ = explain(bad.kept, train.layout, labels)
    write_table(task.outputs["ingest/quarantine.parquet"], quarantine(bad.kept, faults))
    are_set_aside = f"{is_or_are(bad.n)} set aside in artifacts/ingest/quarantine.parquet"
    cut_off = f"; {CUT_OFF}: {COPY_AGAIN}" if train.is_cut_off else ""
    return (
        f"{bad.n:,} of the {counted(train.n_rows, 'row')} of {train.layout.file} ({share}) {are_set_aside}{cut_off}",
    )


def error_with_report(
    found: FileContents, labels: ClassSet, task: Task[IngestParameters], hint: str, more: str = ""
) -> DataError:
    """The error for the bad rows of a file, whose faults are listed in failures.parquet."""
    faults, n_whole = explain(found.bad.kept, found.layout, labels)
    columns = {name: [getattr(fault, name) for fault in faults] for name in Fault._fields}
    write_table(task.report / "failures.parquet", {"file": [found.layout.file.name] * len(faults), **columns})
    error = bad_rows_error(found, faults, n_whole, hint, more)
    error.hint += "; artifacts/ingest/failures.parquet lists every fault"
    if n_whole < found.bad.n:
        error.hint += f" of the first {n_whole:,} bad rows"
    if n_next := len(found.bad.kept) - n_whole:
        error.hint += f", and at least one fault of each of the next {n_next:,}"
    return error


def bad_rows_error(found: FileContents, faults: Sequence[Fault], n_whole: int, hint: str, more: str = "") -> DataError:
    """The error for bad rows, whose first ``n_whole`` have all their ``faults``; ``more`` ends the first sentence."""
    n_bad, file = found.bad.n, found.layout.file
    if found.is_cut_off:
        more += f": {CUT_OFF}"
        hint = COPY_AGAIN if n_bad == 1 else f"{COPY_AGAIN}; if that does not help, {hint}"
    n_of_line = Counter(fault.line for fault in faults)
    shown = []
    for index, (line, n_faults) in enumerate(islice(n_of_line.items(), EXAMPLES)):
        fault = next(each for each in faults if each.line == line)
        at_least = "" if index < n_whole else "at least "
        others = f" (and {at_least}{counted(n_faults - 1, 'more fault')} in this line)" if n_faults > 1 else ""
        shown.append(f"line {line}{', column' if fault.column else ':'} {fault}{others}")
    if n_bad > len(shown):
        shown.append(f"and {counted(n_bad - len(shown), 'more line')}")
    return DataError(
        f"{n_bad:,} of the {counted(found.n_rows, 'row')} of {file} {is_or_are(n_bad)} not valid{more}",
        where=[file.path, *shown],
        hint=hint,
    )
