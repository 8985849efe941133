"""Many bad rows, or large ones: explained in bounded time and memory, and truthfully."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_csv import HEADER, PIXELS, ROWS, TEST, TRAIN, Ingest, changed, refusal

from pipeline.errors import ConfigError, DataError
from stages.ingest.bad_rows import bad_lines, faults
from stages.ingest.bad_rows.bad_lines import BadRow, BadRows

DECIMALS = [row.replace(",", ",0.") for row in ROWS]  # 16 bad cells each
MANY_GOOD = "\n".join([HEADER, *ROWS * 20]) + "\n"


def test_beyond_the_most_faults_each_row_still_has_one_and_the_message_says_so(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "FAULTS_KEPT", 50)
    error = refusal(ingest, "\n".join([HEADER, *DECIMALS]) + "\n")
    kept = "failures.parquet lists every fault of the first 3 bad rows, and at least one fault of each of the next 9"
    assert kept in error.hint
    kept_faults = pd.read_parquet(tmp_path / "report/ingest/failures.parquet")
    assert kept_faults["line"].value_counts(sort=False).tolist() == [16, 16, 16, 2, *[1] * 8]
    assert "line 4, column pixel0: " in error.where
    assert "(and 15 more faults in this line)" in error.where.splitlines()[3]
    assert "(and at least 1 more fault in this line)" in error.where.splitlines()[4]


def test_the_text_that_is_kept_is_bounded_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_lines, "BYTES_KEPT", 5_500)
    bad = BadRows()
    for line in range(1, 101, 10):
        bad.add([BadRow(line + index, "x" * (1_000 if line < 90 else 1), "wrong") for index in range(10)])
    assert bad.n == 100
    assert [row.line for row in bad.kept] == [1, 2, 3, 4, 5]  # none behind the first that has no room
    assert not bad.are_all_kept


def test_rows_too_large_to_be_kept_are_not_set_aside(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_lines, "BYTES_KEPT", 50)
    with pytest.raises(DataError, match="MiB of text may be set aside"):
        ingest({"train.csv": MANY_GOOD + DECIMALS[0] + "\n", "test.csv": TEST}, on_error="quarantine")


def test_every_row_set_aside_has_a_true_reason_and_its_text_as_it_stood(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "FAULTS_KEPT", 3)
    bad = [DECIMALS[0], '"' + DECIMALS[1].replace(",", '","') + '"', ROWS[2] + ",1", DECIMALS[3]]
    ingest(
        {"train.csv": MANY_GOOD + "\n".join(bad) + "\n", "test.csv": TEST},
        on_error="quarantine",
        max_quarantined=0.1,
    )
    rows = pd.read_parquet(tmp_path / "ingest/quarantine.parquet")
    assert rows["text"].tolist() == bad
    assert rows["reason"].tolist()[2] == "the line has 18 cells, not 17"
    assert all("pixel0: '0." in rows["reason"][row] for row in (0, 1, 3))


@pytest.mark.parametrize("character", ["\0", "\r", "\t", "\x1b", "\x85"], ids=ascii)
def test_an_id_with_a_control_character_is_refused(ingest: Ingest, character: str) -> None:
    lines = TEST.splitlines()
    named = [f"{name},{line}" for name, line in zip(["id", "a", f"b{character}c", "d", "e", "f"], lines, strict=True)]
    error = refusal(ingest, TRAIN, "\n".join(named) + "\n")
    assert "line 3, column id: " in error.where
    assert "not an id: it is empty, or has a control character" in error.where


def test_an_id_of_the_sample_submission_with_a_control_character_is_refused(ingest: Ingest) -> None:
    sample = "id,label\n1,0\n2\0,0\n3,0\n4,0\n5,0\n"
    with pytest.raises(DataError, match="not an id and a label") as error:
        ingest({"train.csv": TRAIN, "test.csv": TEST, "sample_submission.csv": sample})
    assert "line 3" in error.value.where


@pytest.mark.parametrize("n", [1, 12])
def test_labels_that_the_classes_lack_are_named(ingest: Ingest, n: int) -> None:
    rows = [f"{'abc'[index % 3]},{row.partition(',')[2]}" for index, row in enumerate(ROWS)]
    lacking = [row.replace("c,", "d,") for row in rows[:n]] + rows[n:] if n > 1 else ["e" + rows[0][1:], *rows[1:]]
    error = refusal(ingest, "\n".join([HEADER, *lacking]) + "\n", classes=("a", "b", "c"))
    named = '"d"' if n > 1 else '"e"'
    assert error.hint.startswith(f"add {named} to ingest.classes if they are labels, or correct these lines")
    assert ("quarantine" in error.hint) == (n == 1)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("\0\0", "column pixel2: '\\x00\\x00' is not a whole number from 0 to 255; there are NUL bytes in it"),
        ("1,\0", "line 5: the line has 18 cells, not 17; there are NUL bytes in it"),
    ],
)
def test_nul_bytes_in_a_row_are_called_so(ingest: Ingest, cell: str, told: str) -> None:
    error = refusal(ingest, changed(4, 3, cell))
    assert told in error.where


def test_an_empty_class_is_refused(ingest: Ingest) -> None:
    with pytest.raises(ConfigError, match="a label may not be empty"):
        ingest({"train.csv": TRAIN, "test.csv": TEST}, classes=("a", ""))


def test_a_class_of_more_than_64_bits_is_refused(ingest: Ingest) -> None:
    with pytest.raises(ConfigError, match="a label of so many digits"):
        ingest({"train.csv": TRAIN, "test.csv": TEST}, classes=(5, 10**20))


def test_a_class_with_a_control_character_is_refused(ingest: Ingest) -> None:
    with pytest.raises(ConfigError, match="control character"):
        ingest({"train.csv": TRAIN, "test.csv": TEST}, classes=("0", "1", "2\0"))


def test_a_row_of_many_cells_is_shown_shortly(ingest: Ingest) -> None:
    error = refusal(ingest, changed(2, 5, "x" * 5000))
    assert f"'{'x' * 40}...' is" in error.where
    assert np.max([len(line) for line in str(error).splitlines()]) < 300


def test_a_file_that_ends_within_a_row_seems_cut_off(ingest: Ingest) -> None:
    for cut in (TRAIN[:-20], TRAIN[: TRAIN.rindex(",") + 1]):
        with pytest.raises(DataError, match="is not valid: the file seems cut off in the middle of its last") as error:
            ingest({"train.csv": cut, "test.csv": TEST})
        assert error.value.hint.startswith(
            "copy or download it again; artifacts/ingest/failures.parquet lists every fault"
        )
    warnings = ingest(
        {"train.csv": MANY_GOOD[:-20], "test.csv": TEST}, on_error="quarantine", max_quarantined=0.1
    ).warnings
    assert any("seems cut off" in warning and "download it again" in warning for warning in warnings)


def test_a_short_row_that_has_an_end_or_is_not_the_last_is_no_sign_of_a_cut(ingest: Ingest) -> None:
    short = TRAIN[:-20]
    for text in (short + "\n", f"{short}\n{ROWS[0]}"):
        with pytest.raises(DataError, match="is not valid") as error:
            ingest({"train.csv": text, "test.csv": TEST})
        assert "cut off" not in str(error.value)


def test_letters_are_shown_as_they_are_and_classes_can_be_told_apart(ingest: Ingest) -> None:
    error = refusal(ingest, changed(4, 0, "Vögel"), classes=("null Äpfel", "a, b", "0", "1", "2"))
    assert "'Vögel' is none of ingest.classes: 'null Äpfel', 'a, b', '0', '1', '2'" in error.where
    error = refusal(ingest, changed(4, 3, "²\x1b"))
    assert "column pixel2: '²\\x1b' is not" in error.where


@pytest.mark.parametrize(
    ("factor", "hint"),
    [
        ("{:d}00", "divide the pixels by 257 and round them to whole numbers; "),
        ("{:d}000", "scale the pixels to whole numbers from 0 to 255; "),
        ("-{:d}", "scale the pixels to whole numbers from 0 to 255; "),
        ("00{:d}", f"write the pixels as whole numbers: {PIXELS[0, 0]} in place of 00{PIXELS[0, 0]}; "),
    ],
)
def test_pixels_of_another_range_are_told_what_to_do(ingest: Ingest, factor: str, hint: str) -> None:
    rows = [f"{index % 3}," + ",".join(map(factor.format, row)) for index, row in enumerate(PIXELS)]
    error = refusal(ingest, "\n".join([HEADER, *rows]) + "\n")
    assert error.hint.startswith(hint)


@pytest.mark.parametrize(
    ("cell", "hint"),
    [("300", "the file is damaged, or is laid out in another way"), ("NaN", "write a number in place of each missing")],
)
def test_one_wrong_pixel_in_every_row_is_no_question_of_scale(ingest: Ingest, cell: str, hint: str) -> None:
    lines = [",".join(["label", *(f"pixel{index}" for index in range(144))])]
    lines += [",".join([f"{index % 3}", cell, *["7"] * 143]) for index in range(12)]
    error = refusal(ingest, "\n".join(lines) + "\n", "\n".join([lines[0][6:], ",".join(["7"] * 144)]) + "\n")
    assert error.hint.startswith(hint)


@pytest.mark.parametrize(
    ("n_blank", "hint"), [(6, "the file is damaged, or is laid out in another way"), (7, "take off the blanks around")]
)
def test_what_more_than_half_of_the_bad_rows_have_is_the_cause(ingest: Ingest, n_blank: int, hint: str) -> None:
    rows = [row.replace(",", ", " if index < n_blank else ",x") for index, row in enumerate(ROWS)]
    error = refusal(ingest, "\n".join([HEADER, *rows]) + "\n")
    assert error.hint.startswith(hint)


def test_a_file_of_nul_bytes_is_called_so(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"train\.csv holds NUL bytes in place of text") as error:
        ingest({"train.csv": bytes(5000), "test.csv": TEST})
    assert error.value.hint == "copy it again, or download the file again"
