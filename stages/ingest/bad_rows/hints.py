"""What to do about bad rows: the hints of the errors that they cause.

Where few rows are bad, these lines are to be corrected. Where many are, the cause is looked for in the whole file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stages.ingest.bad_rows.bad_lines import HEADER_AGAIN, NOT_UTF_8, PIXELS
from stages.ingest.csv.labels import WHOLE_NUMBER, ClassSet
from stages.ingest.csv_to_table import FileContents
from stages.shared.messages import shortened, to_copy

if TYPE_CHECKING:
    from stages.ingest.parameters import IngestParameters

OTHER_LAYOUT = (
    "the file is damaged, or is laid out in another way: download it again, or describe it by ingest.has_header, "
    "ingest.label, ingest.id and ingest.leave_out"
)
ROWS_JUDGED = 100  # bad rows that are searched for a cause in the whole file
MISSPELLED = re.compile(r"[+-]?[0-9]{1,18}(?:\.0+)?")  # 7.0, 07: a label that is a whole number in another spelling
SIXTEEN_BITS = range(4096, 65536)  # where the largest pixel of images of 16 bits lies; those of 12 bits end below
FRACTION = re.compile(r"-?[0-9]{0,18}\.[0-9]{1,40}(?:[eE][+-]?[0-9]{1,2})?")
NUMBER = re.compile(rf"-?[0-9]{{1,18}}|{FRACTION.pattern}")
TEXT = re.compile(r"[^\W\d_]|[^\x00-\x7f]")  # a letter, or a digit of another script
NO_VALUES = {"", "?", "nan", "na", "n/a", "null", "none", "inf", "-inf"}  # spellings of a missing value


def hint_for_training_rows(train: FileContents, labels: ClassSet, parameters: IngestParameters) -> str:
    """What to do about bad training rows: mend the labels, look at the whole file, or correct or leave a few lines."""
    if all(row.problem == NOT_UTF_8 for row in train.bad.kept):  # perhaps all rows of a class
        return hint_for_few(train)
    blank = [label for label in bad_labels(train) if label != label.strip() and labels(label) is None]
    if train.has_many_bad and 2 * len(blank) > len(train.bad.kept):
        return "take off the blanks around the labels"
    texts = [text for text in text_labels(train) if text not in (parameters.classes or ())]
    if parameters.classes is None and (label := misspelled_label(train)):
        return f"write {int(label.partition('.')[0])} in place of {label}, in every line"
    if parameters.classes is None and texts and train.has_many_bad:
        return f"set ingest.classes = [{to_copy(sorted(texts))}], every label that there is"
    hint = hint_for_few(train)
    if texts and labels.are_texts:
        hint = f"add {to_copy(texts)} to ingest.classes if they are labels, or {hint}"
    elif train.has_many_bad:
        return hint_for_many(train)
    if train.bad.are_all_kept and not train.has_many_bad:
        sets = " --set ingest.on_error=quarantine" if parameters.on_error == "stop" else ""
        if train.share_bad > parameters.max_quarantined:
            sets += f" --set ingest.max_quarantined={math.ceil(1000 * train.share_bad) / 1000}"
        hint += f", or go on without them:{sets}"
    return hint


def hint_for_few(found: FileContents) -> str:
    """What to do about the lines of bad rows if they are few."""
    problems = {row.problem for row in found.bad.kept}
    if problems == {NOT_UTF_8}:
        return "save the file as UTF-8, or correct these lines"
    return "remove these lines" if problems == {HEADER_AGAIN} else "correct these lines"


def hint_for_many(found: FileContents) -> str:
    """What to do if so many rows are bad that the fault is in the file: what most of the first of them have."""
    layout, judged = found.layout, found.bad.kept[:ROWS_JUDGED]
    pixels = set(range(len(layout.names))) - set(layout.text_columns)
    rows = [[row.cells()[index] for index in pixels] for row in judged if not row.problem]
    few = len(pixels) // 100  # in so few pixels of a row the numbers are wrong, and not their scale

    def most_have(more_than: int, is_so: Callable[[str], bool]) -> bool:
        return 2 * sum(sum(map(is_so, row)) > more_than for row in rows) > len(judged)

    if most_have(0, lambda cell: cell != cell.strip()):
        return "take off the blanks around the numbers: nothing else may stand between two commas"
    if most_have(0, lambda cell: cell.lower() in NO_VALUES):
        return "write a number in place of each missing value, such as 0 where there is no ink"
    if most_have(few, lambda cell: cell not in PIXELS and bool(NUMBER.fullmatch(cell))):
        return hint_for_numbers(rows)
    return OTHER_LAYOUT


def hint_for_numbers(rows: Sequence[Sequence[str]]) -> str:
    """What to do if most of ``rows`` have a pixel that is a number, but none from 0 to 255 in plain digits."""
    cells = [cell for row in rows for cell in row if NUMBER.fullmatch(cell)]
    smallest, largest = min(map(float, cells)), max(map(float, cells))
    if smallest >= 0 and int(largest) in SIXTEEN_BITS:
        return "divide the pixels by 257 and round them to whole numbers"
    if smallest < 0 or largest > 255:
        return "scale the pixels to whole numbers from 0 to 255"
    if largest <= 1:
        return "multiply the pixels by 255 and round them to whole numbers"
    example = next(cell for cell in cells if cell not in PIXELS)
    return f"write the pixels as whole numbers: {round(float(example))} in place of {shortened(example)}"


def bad_labels(found: FileContents) -> list[str]:
    """The cells in the label column of those bad rows that have the right number of cells."""
    layout = found.layout
    if layout.label is None:
        return []
    index = layout.names.index(layout.label)
    return [row.cells()[index] for row in found.bad.kept if not row.problem]


def misspelled_label(found: FileContents) -> str:
    """The first label that is written as ``7.0`` or ``07``, if most of the bad rows have such; else an empty text."""
    bad = (label for label in bad_labels(found) if not WHOLE_NUMBER.fullmatch(label))
    labels = [label for label in bad if MISSPELLED.fullmatch(label)]
    return labels[0] if 2 * len(labels) > len(found.bad.kept) else ""


def text_labels(found: FileContents) -> list[str]:
    """The distinct labels of the bad rows in file order, if most are texts and not numbers in some spelling."""
    texts = [label for label in bad_labels(found) if TEXT.search(label) and label.lower() not in NO_VALUES]
    return list(dict.fromkeys(texts)) if 2 * len(texts) > len(found.bad.kept) else []
