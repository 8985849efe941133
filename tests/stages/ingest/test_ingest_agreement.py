"""Labels that cannot be meant, and files that do not belong together: what is said, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from small_csv import HEADER, ROWS, TEST, TRAIN, Ingest, assert_is_short, changed, refusal, relabelled, without_column

from pipeline.errors import DataError, PipelineError

# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        (("cat", "a dog", "größer"), 'set ingest.classes = ["a dog", "cat", "größer"], every label that there is;'),
        ("೧೨೩", 'set ingest.classes = ["೧", "೨", "೩"], every label that there is;'),
        (("NaN",), "the file is damaged, or is laid out in another way"),
        (("",), "the file is damaged, or is laid out in another way"),
        (("0.0", "1.0"), "write 0 in place of 0.0, in every line; "),
        (("00", "01"), "write 0 in place of 00, in every line; "),
    ],
)
def test_labels_that_are_no_whole_numbers_are_told_what_helps(ingest: Ingest, labels: Sequence[str], hint: str) -> None:
    rows = [f"{labels[index % len(labels)]},{row.split(',', 1)[1]}" for index, row in enumerate(ROWS)]
    assert refusal(ingest, "\n".join([HEADER, *rows]) + "\n").hint.startswith(hint)


def test_so_many_text_labels_are_shown_as_a_person_would_copy(ingest: Ingest) -> None:
    for name, end in (("label", '"label46", "label47"'), ("of a long name ", '"of a long name 04", ...')):
        rows = [f"{name}{index:02},{row.split(',', 1)[1]}" for index, row in enumerate(ROWS * 4)]
        error = refusal(ingest, "\n".join([HEADER, *rows]) + "\n", on_error="quarantine")
        assert f"{end}], every label" in error.hint


def test_an_odd_label_is_shown_by_its_line_in_the_file(ingest: Ingest) -> None:
    lines = changed(9, 0, "7").splitlines()
    lines[3] += ",1"  # set aside, and it still counts as a line
    lines[11] += ",1"
    error = refusal(ingest, "\n".join(lines) + "\n", on_error="quarantine", max_quarantined=0.2)
    assert "label 7 in line 10" in error.where
    assert error.hint.startswith("correct the label")
    assert "the right labels in ingest.classes, a run names every row that has another one; " in error.hint
    assert error.hint.endswith("set ingest.min_rows_per_class = 1, split.validation = 0 and train.folds = 5")


@pytest.mark.parametrize(
    ("n_rows", "lines"), [(1, "line 2"), (5, "lines 2, 3, 4, 5, 6"), (6, "lines 2, 3, 4, 5, 6 and 1 more")]
)
def test_the_lines_of_a_small_class_are_shown_and_those_beyond_five_counted(
    ingest: Ingest, n_rows: int, lines: str
) -> None:
    train = relabelled(*[2] * n_rows, *[1] * (12 - n_rows))
    error = refusal(ingest, train, min_rows_per_class=n_rows + 1)
    assert f"    label 2 in {lines}" in error.where.splitlines()


def test_an_odd_label_is_shown_by_its_line_without_a_header(ingest: Ingest) -> None:
    train = changed(9, 0, "7").split("\n", 1)[1]
    error = refusal(ingest, train, TEST.split("\n", 1)[1], has_header=False)
    assert "label 7 in line 9" in error.where


# --- train and test, and the sample submission -----------------------------------------------------------------------


def test_train_and_test_of_different_width_are_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="16 and 15 pixels") as error:
        ingest({"train.csv": TRAIN, "test.csv": without_column(TEST, 15)})
    assert error.value.hint.startswith("perhaps the column pixel15 is missing in test.csv: download it again; or put")


def test_swapped_files_are_told_so(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"train\.csv and test\.csv are swapped: the labels are in test\.csv"):
        ingest({"train.csv": TEST, "test.csv": TRAIN})


def test_swapped_files_without_headers_are_told_so(ingest: Ingest) -> None:
    train, test = (text.split("\n", 1)[1] for text in (TRAIN, TEST))
    with pytest.raises(DataError, match=r"are swapped: test\.csv has one column more"):
        ingest({"train.csv": test, "test.csv": train}, has_header=False)


@pytest.mark.parametrize("headless", ["train.csv", "test.csv"])
def test_a_header_in_one_of_the_two_files_only_is_reported(ingest: Ingest, headless: str) -> None:
    files: dict[str, str | bytes] = {"train.csv": TRAIN, "test.csv": TEST}
    (other,) = files.keys() - {headless}
    files[headless] = {"train.csv": TRAIN, "test.csv": TEST}[headless].split("\n", 1)[1]
    with pytest.raises(DataError, match=f"{headless} .* holds numbers, .*, and {other} has a header") as error:
        ingest(files)
    assert f"give {headless} a first line that names its columns" in error.value.hint


def test_labels_in_a_test_set_without_a_header_are_told_from_pixels(ingest: Ingest) -> None:
    train = TRAIN.split("\n", 1)[1]
    with pytest.raises(
        DataError, match=r"both have 17 columns, and only train\.csv may have more than pixels"
    ) as error:
        ingest({"train.csv": train, "test.csv": train}, has_header=False)
    assert error.value.hint.startswith("remove the first column, labels or ids, from test.csv")


def test_a_label_column_that_neither_file_has_may_be_called_otherwise(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"train\.csv has no label column 'digit'") as error:
        ingest({"train.csv": TEST, "test.csv": TEST}, label="digit")
    assert error.value.hint.startswith("its header must have the column 'digit'")
    assert "ingest.label" in error.value.hint


def test_images_that_are_not_square_ask_for_their_size(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="15 pixels an image, pixel0 to pixel14, which is not a square") as error:
        ingest({"train.csv": without_column(TRAIN, 16), "test.csv": without_column(TEST, 15)})
    assert "ingest.height" in error.value.hint


def test_train_and_test_with_other_names_are_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="'pixel0' and 'px0'"):
        ingest({"train.csv": TRAIN, "test.csv": TEST.replace("pixel", "px")})


def test_a_test_set_without_rows_is_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"test\.csv has a header, but no rows"):
        ingest({"train.csv": TRAIN, "test.csv": TEST.splitlines()[0] + "\n"})


def test_a_size_that_does_not_fit_is_refused(ingest: Ingest) -> None:
    with pytest.raises(PipelineError, match="images of 3 x 5 have 15 pixels"):
        ingest({"train.csv": TRAIN, "test.csv": TEST}, height=3)


def test_classes_of_two_kinds_are_refused(ingest: Ingest) -> None:
    with pytest.raises(PipelineError, match="all whole numbers or all texts"):
        ingest({"train.csv": TRAIN, "test.csv": TEST}, classes=(0, "1"))


def with_ids(*ids: object) -> str:
    return "\n".join(f"{each},{line}" for each, line in zip(["id", *ids], TEST.splitlines(), strict=True)) + "\n"


BAD_SUBMISSIONS = {
    "too few rows": ("ImageId,Label\n1,0\n", TEST, "it has 1 row, and the test set has 5"),
    "too many rows": ("ImageId,Label\n" + "".join(f"{n},0\n" for n in range(9)), TEST, "belongs to another test set"),
    "other ids": ("id,l\n" + "".join(f"{n},0\n" for n in range(5)), with_ids(9, 1, 2, 3, 4), "to another test set"),
    "doubled ids": ("ImageId,Label\n" + "1,0\n" * 5, TEST, "1 id occurs more than once"),
    "one column": ("ImageId\n1\n2\n3\n4\n5\n", TEST, "1 column, not an id and a label"),
    "a ragged row": ("ImageId,Label\n1,0\n2\n3,0\n4,0\n5,0\n", TEST, "not an id and a label"),
    "no id": ("ImageId,Label\n1,0\n,0\n3,0\n4,0\n5,0\n", TEST, "not an id and a label"),
    "another file": ("<html>", TEST, "web page"),
    "an empty file": ("", TEST, "is empty"),
}  # fmt: skip


@pytest.mark.parametrize(("sample", "test", "what"), BAD_SUBMISSIONS.values(), ids=BAD_SUBMISSIONS.keys())
def test_a_sample_submission_that_does_not_fit_is_refused(ingest: Ingest, sample: str, test: str, what: str) -> None:
    with pytest.raises(DataError) as error:
        ingest({"train.csv": TRAIN, "test.csv": test, "sample_submission.csv": sample})
    assert what in error.value.what
    assert "sample_submission.csv" in error.value.what
    assert 'set ingest.sample_submission = "none" to leave it out' in error.value.hint
    assert_is_short(error.value)
    outcome = ingest({"train.csv": TRAIN, "test.csv": test}, sample_submission="none")
    assert outcome.figures["rows"] == "12 + 5 to predict"


def test_test_ids_that_stand_twice_are_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"in test\.csv, 1 id occurs more than once") as error:
        ingest({"train.csv": TRAIN, "test.csv": with_ids(1, 2, 3, 2, 5)})
    assert "rows 1 and 3, counted from 0" in error.value.where


def test_an_empty_test_id_is_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="1 of the 5 rows") as error:
        ingest({"train.csv": TRAIN, "test.csv": with_ids(1, 2, "", 4, 5)})
    assert "line 4, column id: '' is not an id" in error.value.where
