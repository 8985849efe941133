"""`pipeline score`: a submission beside the right answers, whatever their layout, and what is kept of it."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import zipfile
from functools import partial
from pathlib import Path

import pytest
from calling import call
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from stages.commands.id_and_label import Submission, read_submission
from stages.commands.score.compare import compare, read_answers
from stages.evaluate.metrics import wilson_interval
from stages.sample import SAMPLE_FOLDER
from stages.shared.messages import FileName

score = partial(call, "score")

SUBMISSION = "ImageId,Label\n1,7\n2,1\n3,7\n4,2\n"
RIGHT = "ImageId,Label\n1,7\n2,7\n3,7\n4,1\n"


def scored(folder: Path, answers: str | bytes, submission: str = SUBMISSION, *words: str) -> dict[str, object]:
    write(folder, answers, submission)
    document: dict[str, object] = json.loads(
        score(folder, "mine.csv", "--answers", "right.csv", "--json", *words).stdout
    )
    return document


def write(folder: Path, answers: str | bytes, submission: str = SUBMISSION) -> None:
    (folder / "mine.csv").write_text(submission)
    (folder / "right.csv").write_bytes(answers.encode() if isinstance(answers, str) else answers)


def test_accuracy_confusion_and_wrong_rows_are_counted_as_by_hand(tmp_path: Path) -> None:
    document = scored(tmp_path, RIGHT)
    assert document["accuracy"] == 0.5
    assert document["accuracy_interval"] == list(wilson_interval(2, 4))
    assert (document["rows"], document["errors"], document["matched_by"]) == (4, 2, "ImageId")
    assert document["classes"] == ["1", "2", "7"]
    assert document["confusion"] == [[0, 1, 0], [0, 0, 0], [1, 0, 2]]  # actual 1, 2, 7; predicted 1, 2, 7
    assert document["wrong"] == [
        {"row": 1, "id": "2", "label": "7", "predicted": "1"},
        {"row": 3, "id": "4", "label": "1", "predicted": "2"},
    ]


LAYOUTS: dict[str, tuple[str | bytes, str | None]] = {
    "gzipped": (gzip.compress(RIGHT.encode()), "ImageId"),
    "in another order": ("ImageId,Label\n4,1\n3,7\n2,7\n1,7\n", "ImageId"),
    "with other names": ("number,answer\n4,1\n1,7\n2,7\n3,7\n", "number"),
    "with other capitals, label first": ("LABEL,imageid\n1,4\n7,1\n7,2\n7,3\n", "imageid"),
    "with more columns": ("x,Label,ImageId,y\n,1,4,\n,7,1,\n,7,2,\n,7,3,\n", "ImageId"),
    "with ids under another name": ("row,id,label,Usage\n1,4,1,Public\n3,3,7,\n5,2,7,\n7,1,7,Public\n", "id"),
    "with ids under another name at last": ("Usage,Label,image_id\n,1,4\n,7,3\n,7,2\n,7,1\n", "image_id"),
    "as MNIST's own test set with ids": ("label,id,1x1,1x2\n1,4,0,0\n7,3,0,0\n7,2,0,0\n7,1,0,0\n", "id"),
    "as MNIST's own test set": ("label,1x1,1x2\n7,0,0\n7,0,0\n7,0,0\n1,0,0\n", None),
    "label first, and the ids under their name": ("answer,ImageId\n1,4\n7,3\n7,2\n7,1\n", "ImageId"),
    "as labels alone": ("label\n7\n7\n7\n1\n", None),
    "as labels alone under another name": ("answer\n7\n7\n7\n1\n", None),
    "with blanks, CR LF and a byte-order mark": ("\ufeffImageId, Label\r\n1, 7\r\n2, 7\r\n3, 7\r\n4, 1\r\n", "ImageId"),
    "in quotes": ('"ImageId","Label"\n"1","7"\n"2","7"\n"3","7"\n"4","1"\n', "ImageId"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_answers_are_matched_whatever_their_layout(tmp_path: Path, layout: str) -> None:
    answers, matched_by = LAYOUTS[layout]
    document = scored(tmp_path, answers)
    assert document["matched_by"] == matched_by
    assert [row["row"] for row in document["wrong"]] == [1, 3]


def test_labels_that_are_texts_are_compared_as_texts(tmp_path: Path) -> None:
    document = scored(tmp_path, "id,label\n1,b\n2,a\n", "id,label\n1,b\n2,b\n")
    assert document["classes"] == ["a", "b"]
    assert document["confusion"] == [[0, 1], [0, 1]]


def test_a_right_label_that_no_row_of_the_submission_has_is_named_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "id,label\n1,a\n2,x\n3,y\n4,x\n", "id,label\n1,a\n2,a\n3,b\n4,b\n")
    stderr = score(tmp_path, "mine.csv", "--answers", "right.csv").stderr
    assert "warning: 3 rows have a right label that no row of mine.csv has: x, y\n" in stderr


def test_labels_that_are_numbers_are_shown_in_their_order(tmp_path: Path) -> None:
    assert scored(tmp_path, "id,label\n1,10\n2,9\n", "id,label\n1,2\n2,9\n")["classes"] == ["2", "9", "10"]


REFUSED: dict[str, tuple[str, str, list[str]]] = {
    "other ids": (
        "ImageId,Label\n1,7\n2,7\n3,7\n9,1\n8,1\n",
        SUBMISSION,
        ["the ids of right.csv are not those of mine.csv", "1 id only in", ": 4\n", "2 ids only in", ": 9, 8"],
    ),
    "an id twice": ("ImageId,Label\n1,7\n2,7\n2,7\n4,1\n", SUBMISSION, ["1 id occurs more than once, e.g. '2'"]),
    "too few labels": ("label\n7\n7\n7\n", SUBMISSION, ["has 3 rows, and mine.csv has 4"]),
    "labels without a header": ("7\n7\n7\n1\n", SUBMISSION, ["has 3 rows", "below a line with the column's name"]),
    "ids and labels without a header": (
        RIGHT.partition("\n")[2],
        SUBMISSION,
        ["1 id only in", ": 1\n", "begin both files with a line of column names, such as ImageId,Label"],
    ),
    "ids alone": ("ImageId\n1\n2\n3\n4\n", SUBMISSION, ["no column 'Label' or 'label'", "line 1: ImageId"]),
    "no column with the ids": (
        "id,label,Usage\n9,7,Public\n8,7,Public\n7,7,Private\n6,1,Private\n",
        SUBMISSION,
        ["no column of right.csv has the ids of mine.csv", "'id', 'Usage'", "1, 2, 3, 4", "with the ids 'ImageId'"],
    ),
    "two columns with the ids": (
        "a,label,b\n1,7,4\n2,7,3\n3,7,2\n4,1,1\n",
        SUBMISSION,
        ["2 columns of right.csv have the ids of mine.csv, in different orders"],
    ),
    "a blank label": (
        "ImageId,Label\n1,7\n2,\n3, \n4,1\n",
        SUBMISSION,
        ["right.csv has a row without a label, and 1 more", "line 3, column Label"],
    ),
    "other classes": (
        "ImageId,Label\n1,77\n2,17\n3,77\n4,12\n",
        SUBMISSION,
        ["the labels in right.csv are all others than those in mine.csv", "12, 17, 77", "1, 2, 7"],
    ),
    "no label column": ("a,b,c\n1,2,3\n", SUBMISSION, ["no column 'Label' or 'label'", "a, b, c"]),
    "no rows": ("ImageId,Label\n", SUBMISSION, ["has a header, but no rows"]),
    "a quotation mark alone": (
        'ImageId,Label\n1,"7\n2,7\n',
        SUBMISSION,
        ["a row of right.csv has quotation marks that do not pair, or an endless cell", "line 2"],
    ),
    "a row that is too short": ("ImageId,Label\n1,7\n2\n", SUBMISSION, ["has 1 cell, and the header has 2", "line 3"]),
    "labels written otherwise": (
        RIGHT.replace(",7", ",7.0").replace(",1\n", ",1.0\n"),
        SUBMISSION,
        ["the labels in right.csv are written otherwise", "1.0, 7.0", "1, 2, 7"],
    ),
    "a web page": ("<html>", SUBMISSION, ["right.csv is a web page"]),
    "a submission of three columns": (RIGHT, "a,b,c\n1,2,3\n", ["mine.csv has 3 columns, and a submission has two"]),
    "a submission with an id twice": (RIGHT, "id,label\n1,2\n1,2\n", ["in mine.csv, 1 id occurs more than once"]),
    "semicolons": (RIGHT.replace(",", ";"), SUBMISSION, ["separated by semicolons"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused_with_examples_and_nothing_is_kept(tmp_path: Path, case: str) -> None:
    answers, submission, told = REFUSED[case]
    write(tmp_path, answers, submission)
    stderr = score(tmp_path, "mine.csv", "--answers", "right.csv", code=1).stderr
    for part in (*told, "hint:"):
        assert part in stderr
    assert not (tmp_path / "artifacts").exists()


def test_answers_of_one_label_may_be_a_sample_submission_so_the_accuracy_is_shown_and_not_kept(tmp_path: Path) -> None:
    zeros = "ImageId,Label\n" + "".join(f"{row},0\n" for row in range(1, 102))
    write(tmp_path, zeros, zeros.replace(",0\n", ",7\n", 1))
    result = score(tmp_path, "mine.csv", "--answers", "right.csv")
    told = "warning: every row of right.csv has the label '0', as in a sample submission: the accuracy is not kept\n"
    assert f"{told}  hint:  --answers FILE names" in result.stderr
    assert "accuracy 99.01 %" in result.stdout
    assert not scored(tmp_path, zeros, zeros.replace(",0\n", ",7\n", 1))["is_kept"]
    assert not (tmp_path / "artifacts").exists()


def test_a_perfect_score_on_one_label_is_kept(tmp_path: Path) -> None:
    zeros = "ImageId,Label\n" + "".join(f"{row},0\n" for row in range(1, 102))
    assert scored(tmp_path, zeros, zeros)["is_kept"]
    assert (tmp_path / "artifacts/scores.jsonl").exists()


def test_of_many_differing_ids_a_few_are_shown(tmp_path: Path) -> None:
    many = "".join(f"{number},7\n" for number in range(5, 10_000))
    write(tmp_path, f"ImageId,Label\n{many}")
    stderr = score(tmp_path, "mine.csv", "--answers", "right.csv", code=1).stderr
    assert "and 9,990 more" in stderr
    assert len(stderr) < 1000


def test_a_file_made_by_hand_is_scored_and_kept_without_a_run(tmp_path: Path) -> None:
    write(tmp_path, RIGHT)
    result = score(tmp_path, "mine.csv", "--answers", "right.csv")
    assert "mine.csv, made by hand: 4 rows, matched by ImageId" in result.stdout
    assert "accuracy 50.00 % (95 % interval 15.00 % to 85.00 %), 2 wrong" in result.stdout
    (line,) = (tmp_path / "artifacts/scores.jsonl").read_text().splitlines()
    kept = json.loads(line)
    assert (kept["value"], kept["rows"], kept["run"], kept["how"]) == (0.5, 4, None, "answers right.csv")


def test_a_score_that_cannot_be_kept_is_shown_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, RIGHT)
    (tmp_path / "artifacts/scores.jsonl").mkdir(parents=True)
    result = score(tmp_path, "mine.csv", "--answers", "right.csv", code=1)
    assert "accuracy 50.00 %" in result.stdout
    assert "cannot write the log of scores" in result.stderr
    result = score(tmp_path, "mine.csv", "--answers", "right.csv", "--json", code=1)
    assert not json.loads(result.stdout)["is_kept"]


PIECES = [b"id", b"label", b",", b"\n", b"\r", b'"', b"1", b"2", b"7", b" ", b"\0", b"\xff", b"\x1f\x8b", b"\x0c", b"a"]


@given(data=st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join) | st.binary(max_size=30))
@settings(max_examples=300, deadline=None)
def test_whatever_the_files_hold_it_is_read_or_refused_with_a_hint(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.csv"
    path.write_bytes(data)
    mine = Submission(FileName("mine.csv", "mine.csv"), "id", "label", ["1", "2"], ["7", "1"])
    errors: list[DataError] = []
    for read in (read_submission, lambda path: compare(mine, read_answers(path, mine))):
        try:
            read(path)
        except DataError as error:
            errors.append(error)
    assert all(error.hint and len(str(error)) < 1500 for error in errors)


def test_all_wrong_rows_are_written_and_few_are_shown(tmp_path: Path) -> None:
    n = 30
    submission = "id,label\n" + "".join(f"{row},1\n" for row in range(n))
    write(tmp_path, submission.replace(",1\n", ",2\n"), submission)
    shown = score(tmp_path, "mine.csv", "--answers", "right.csv").stdout
    assert "and 10 more wrong rows: --output FILE writes all" in shown
    result = score(tmp_path, "mine.csv", "--answers", "right.csv", "-o", "wrong.csv")
    assert "30 wrong rows written to wrong.csv" in result.stdout
    rows = list(csv.reader((tmp_path / "wrong.csv").open()))
    assert rows[0] == ["row", "id", "label", "predicted"]
    assert rows[1:] == [[str(row), str(row), "2", "1"] for row in range(n)]


def test_of_many_classes_the_most_frequent_confusions_are_shown(tmp_path: Path) -> None:
    submission = "id,label\n" + "".join(f"{row},{row % 20}\n" for row in range(100))
    write(tmp_path, submission.replace(",7\n", ",3\n"), submission)
    shown = score(tmp_path, "mine.csv", "--answers", "right.csv").stdout
    assert "as 7" not in shown
    (line,) = [line for line in shown.splitlines() if line.split()[:2] == ["3", "7"]]
    assert line.split() == ["3", "7", "5", "50.00", "%"]


def test_the_submission_of_a_run_is_scored_and_the_run_has_the_score(sample_copy: Path) -> None:
    answers = str(SAMPLE_FOLDER / "answers.csv.gz")
    before = call("runs", sample_copy).stdout
    assert "score" not in before
    result = score(sample_copy, "--answers", answers)
    assert "artifacts/submit/submission.csv, of run 1: 359 rows" in result.stdout
    runs = json.loads(call("runs", sample_copy, "--json").stdout)
    (kept,) = runs[0]["scores"]
    assert kept["value"] == runs[0]["figures"]["submit: sample test score"]
    assert (kept["name"], kept["rows"], kept["run"]) == ("accuracy", 359, 1)
    assert "score" in call("runs", sample_copy).stdout
    copy = sample_copy / "copy.csv"
    shutil.copy(sample_copy / "artifacts/submit/submission.csv", copy)
    assert "copy.csv, of run 1: 359 rows" in score(sample_copy, "copy.csv", "--answers", answers).stdout


def test_a_zip_of_answers_is_to_be_unpacked(tmp_path: Path) -> None:
    write(tmp_path, RIGHT)
    with zipfile.ZipFile(tmp_path / "right.csv.zip", "w") as archive:
        archive.write(tmp_path / "right.csv", "right.csv")
    stderr = score(tmp_path, "mine.csv", "--answers", "right.csv.zip", code=1).stderr
    assert "right.csv.zip is a zip" in stderr
    assert "unpack it, and name the CSV in it" in stderr


def test_an_error_names_the_submission_by_its_stable_path(sample_copy: Path) -> None:
    (sample_copy / "right.csv").write_text(RIGHT)
    stderr = score(sample_copy, "--answers", "right.csv", code=1).stderr
    assert "only in artifacts/submit/submission.csv: 5, " in stderr
    assert ".store" not in stderr


def test_without_answers_it_says_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, RIGHT)
    assert "there is no file 'other.csv'" in score(tmp_path, "mine.csv", "--answers", "other.csv", code=2).stderr
    assert "missing option '--answers'" in score(tmp_path, "mine.csv", code=2).stderr


def test_the_sample_has_answers_of_its_own(sample_copy: Path) -> None:
    result = score(sample_copy)
    assert "the bundled sample's own" in result.stderr
    runs = json.loads(call("runs", sample_copy, "--json").stdout)
    (kept,) = runs[0]["scores"]
    assert (kept["value"], kept["how"]) == (
        runs[0]["figures"]["submit: sample test score"],
        "answers of the bundled sample",
    )


def test_the_samples_answers_are_for_its_own_submission_only(sample_copy: Path) -> None:
    """The submission's receipt says what it is about, whatever ingest has read since."""
    (sample_copy / "data").mkdir()
    for name in ("train", "test"):
        shutil.copy(SAMPLE_FOLDER / f"{name}.csv.gz", sample_copy / "data")
    call("run", sample_copy, "ingest", "-q")
    assert "the bundled sample's own" in score(sample_copy).stderr
    call("run", sample_copy, "submit", "-q")
    shutil.rmtree(sample_copy / "data")
    call("run", sample_copy, "ingest", "-q")
    assert "missing option '--answers'" in score(sample_copy, code=2).stderr


def test_a_submission_is_not_compared_with_itself(sample_copy: Path) -> None:
    stderr = score(sample_copy, "--answers", "artifacts/submit/submission.csv", code=1).stderr
    assert "the answers are the submission itself" in stderr
    assert "hint:  --answers FILE" in stderr
    assert not (sample_copy / "artifacts/scores.jsonl").exists()


def test_a_file_that_is_named_twice_is_told_once(tmp_path: Path) -> None:
    write(tmp_path, RIGHT)
    path = str(tmp_path / "mine.csv")
    assert score(tmp_path, path, "--answers", path, code=1).stderr.count(path) == 1


def test_the_confusion_is_printed_in_letters_that_every_terminal_has(tmp_path: Path) -> None:
    write(tmp_path, RIGHT)
    assert score(tmp_path, "mine.csv", "--answers", "right.csv").stdout.replace("━", "-").replace("─", "-").isascii()


def test_answers_that_agree_in_every_row_are_no_reason_to_refuse(sample_copy: Path) -> None:
    shutil.copy(sample_copy / "artifacts/submit/submission.csv", sample_copy / "copy.csv")
    assert "100.00 %" in score(sample_copy, "--answers", "copy.csv").stdout


def test_the_runs_say_by_which_answers_where_there_are_several(sample_copy: Path) -> None:
    for name in ("one.csv.gz", "two.csv.gz"):
        shutil.copy(SAMPLE_FOLDER / "answers.csv.gz", sample_copy / name)
    score(sample_copy, "--answers", str(sample_copy / "one.csv.gz"))
    runs = [call("runs", sample_copy).stdout]
    score(sample_copy, "--answers", str(sample_copy / "two.csv.gz"))
    runs.append(call("runs", sample_copy).stdout)
    assert ["one.csv.gz" in each for each in runs] == [False, True]
    assert "two.csv.gz" in runs[1]
