"""Slips of a newcomer: the message says what it is, and the hint puts it right."""

from __future__ import annotations

from typing import Any

import pytest
from small_csv import HEADER, ROWS, TEST, TRAIN, Ingest, changed, refusal, renamed

from pipeline.errors import DataError

QUOTED = "".join(f'"{line}"\n' for line in TRAIN.splitlines())
TEST_HEADER = TEST.partition("\n")[0]
TWICE = TRAIN.replace(ROWS[2], f"{HEADER}\n{ROWS[2]}")
TWICE_QUOTED = TRAIN.replace(ROWS[0], ",".join(f'"{name}"' for name in HEADER.split(",")) + f"\n{ROWS[0]}")
WITHOUT, TEST_WITHOUT = (text.partition("\n")[2] for text in (TRAIN, TEST))
NO_HEADER: dict[str, Any] = {"has_header": False}
LEAVE_IT_OUT = "leave out the setting ingest.has_header"

# train.csv, test.csv, the settings; what the message and the hint say.
SLIPS: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "whole lines in quotation marks": (
        QUOTED,
        TEST,
        {},
        "line 1 of train.csv is a single cell, because quotation marks stand around the whole line",
        "remove these quotation marks",
    ),
    "a header again": (TWICE, TEST, {}, "line 4: the line is the header again\n", "remove these lines, or"),
    "a quoted header again": (TWICE_QUOTED, TEST, {}, "line 2: the line is the header again\n", "remove these lines"),
    "a header again in the test set": (
        TRAIN,
        TEST.replace(TEST_HEADER, f"{TEST_HEADER}\n{TEST_HEADER}"),
        {},
        "line 2: the line is the header again\n",
        "remove these lines: no row",
    ),
    "a header again, and a bad cell": (
        TWICE.replace(ROWS[3], "x" + ROWS[3]),
        TEST,
        {},
        "line 4: the line is the header again\n",
        "correct these lines",
    ),
    "a header where there should be none": (TRAIN, TEST, NO_HEADER, "train.csv has a header in line 1, ", LEAVE_IT_OUT),
    "the test set has a header": (WITHOUT, TEST, NO_HEADER, "test.csv has a header in line 1, ", LEAVE_IT_OUT),
    "a header of numbers": (
        TRAIN.replace("pixel", ""),
        TEST_WITHOUT,
        NO_HEADER,
        "train.csv has a header in line 1, ",
        LEAVE_IT_OUT,
    ),
    "the test set has a header of numbers": (
        WITHOUT,
        TEST.replace("pixel", ""),
        NO_HEADER,
        "test.csv has a header in line 1, ",
        LEAVE_IT_OUT,
    ),
    "a comment above the header": (
        f"# by me\n{TRAIN}",
        TEST,
        {},
        "no column is named like a pixel (pixel0, pixel1, ...); the first is '# by me'",
        "delete what stands above the header, or",
    ),
    "blanks in front of labels that are texts": (
        TRAIN.replace("\n", "\n a", 12),
        TEST,
        {},
        "' a0' is not a whole number of at most 18 digits (if labels are texts, list them in ingest.classes)",
        "take off the blanks around the labels",
    ),
    "blanks in front of half of the labels that are texts": (
        TRAIN.replace("\n0", "\n a").replace("\n1", "\na"),
        TEST,
        {},
        "is not a whole number of at most 18 digits",
        "set ingest.classes = [",
    ),
    "a number that is too large": (
        changed(3, 0, "1" + "0" * 19),
        TEST,
        {},
        "'10000000000000000000' is not a whole number of at most 18 digits",
        "correct these lines",
    ),
    "ids as Kaggle calls them": (
        TRAIN,
        "ImageId," + TEST,
        {},
        "'ImageId' is neither the label, the id, nor a pixel",
        "rename it to id or remove it, or use --set ingest.id=ImageId",
    ),
    "labels as Kaggle's submission calls them": (
        renamed("label", "Label"),
        TEST,
        {},
        "the label column 'label' is missing, and 'Label' is no pixel",
        "if Label holds the labels, use --set ingest.label=Label, or rename it to label",
    ),
    "labels of another name": (
        renamed("label", "the digit"),
        TEST,
        {},
        "the label column 'label' is missing, and 'the digit' is no pixel",
        "if the digit holds the labels, use --set 'ingest.label=the digit', or rename it to label",
    ),
    "a test set with a column of another name": (
        TRAIN,
        "digit," + TEST,
        {},
        "'digit' is neither the label, the id, nor a pixel",
        """remove it, or leave it out: --set 'ingest.leave_out=["digit"]'; if it holds ids, --set ingest.id=digit""",
    ),
}


@pytest.mark.parametrize(("train", "test", "settings", "what", "hint"), SLIPS.values(), ids=SLIPS.keys())
def test_a_slip_is_named_and_the_hint_puts_it_right(
    ingest: Ingest, train: str, test: str, settings: dict[str, Any], what: str, hint: str
) -> None:
    error = refusal(ingest, train, test, **settings)
    assert what in f"{error.what}\n{error.where}\n"
    assert error.hint.startswith(hint)


def test_rows_in_another_encoding_are_not_offered_to_be_left_out(ingest: Ingest) -> None:
    """They may be all rows of a class, whose label has the letter in question."""
    error = refusal(ingest, changed(3, 0, "é").encode("latin-1"))
    assert error.hint.startswith("save the file as UTF-8, or correct these lines; artifacts")


def test_numbers_with_an_exponent_are_no_header(ingest: Ingest) -> None:
    cells = [f"{float(index % 9):.1e}" for index in range(17)]
    with pytest.raises(DataError, match=r"rows of train\.csv are not valid"):
        ingest({"train.csv": f"{','.join(cells)}\n" * 12, "test.csv": TEST_WITHOUT}, **NO_HEADER)
