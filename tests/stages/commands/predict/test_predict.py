"""`pipeline predict`: CSVs and pictures in, answers out, and one clear error for whatever cannot be."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from calling import call
from calling_predict import TEST, TRAIN, answers, lines_of, predict
from click.testing import CliRunner
from PIL import Image, ImageDraw

from pipeline.cli import main

pytestmark = pytest.mark.usefixtures("no_charts_in_module")


def draw(path: Path, digit: int, *, ink: int = 0, paper: int = 255) -> Path:
    """A digit drawn with a pen of 24 pixels on a sheet of 400 x 300."""
    sheet = Image.new("L", (400, 300), paper)
    pen = ImageDraw.Draw(sheet)
    if digit == 0:
        pen.ellipse((140, 40, 260, 250), outline=ink, width=24)
    elif digit == 1:
        pen.line([(205, 40), (200, 250)], fill=ink, width=24)
    else:
        pen.line([(130, 50), (250, 50), (180, 250)], fill=ink, width=24, joint="curve")
    sheet.save(path)
    return path


def test_the_test_set_gives_the_labels_of_the_submission(sample_run: Path) -> None:
    with (sample_run / "artifacts/submit/submission.csv").open(newline="") as file:
        submitted = [int(label) for _, label in list(csv.reader(file))[1:]]
    rows = answers(sample_run, TEST)
    assert [row["predicted"] for row in rows] == submitted
    assert [row["row"] for row in rows] == list(range(len(submitted)))


def test_the_training_set_gives_the_probabilities_of_predictions_parquet(sample_run: Path) -> None:
    table = pq.read_table(sample_run / "artifacts/evaluate/predictions.parquet").to_pydict()
    rows = answers(sample_run, TRAIN)
    for index, row in enumerate(table["row"]):
        assert (rows[row]["label"], rows[row]["predicted"]) == (table["label"][index], table["predicted"][index])
        expected = [table[f"p_{label}"][index] for label in range(10)]
        assert np.allclose(list(rows[row]["probabilities"].values()), expected, atol=1e-6)


def test_labels_are_compared_and_a_long_table_is_cut(sample_run: Path) -> None:
    text = predict(sample_run, TRAIN).stdout
    assert "and 1,418 more rows" in text
    assert "of 1,438 labels agree: " in text
    assert len(text.splitlines()) < 30


def test_the_accuracy_on_the_training_set_is_told_to_be_that(sample_run: Path, tmp_path: Path) -> None:
    told = "train.csv.gz has the labels of the training set, in their order: if it is that, the network was trained"
    assert told in predict(sample_run, TRAIN).stderr
    (tmp_path / "some.csv").write_text("\n".join(lines_of(TRAIN)[:-1]) + "\n")
    assert "labels of the training set" not in predict(sample_run, tmp_path / "some.csv").stderr


@pytest.mark.parametrize("label", ["", "?", "NaN"])
def test_a_label_column_without_labels_is_passed_over(sample_run: Path, tmp_path: Path, label: str) -> None:
    lines = lines_of(TRAIN)[:9]
    (tmp_path / "blank.csv").write_text("\n".join([lines[0], *(label + line[1:] for line in lines[1:])]) + "\n")
    rows = answers(sample_run, str(tmp_path / "blank.csv"))
    assert [row["label"] for row in rows] == [None] * 8


@pytest.mark.parametrize("missing", [0, 2])
def test_a_row_without_a_label_is_predicted_and_the_other_labels_are_compared(
    sample_run: Path, tmp_path: Path, missing: int
) -> None:
    header, *rows = lines_of(TRAIN)[:9]
    labels: list[int | None] = [int(row.split(",")[0]) for row in rows]
    rows[missing], labels[missing] = "?" + rows[missing][1:], None
    (tmp_path / "some.csv").write_text("\n".join([header, *rows]) + "\n")
    assert [row["label"] for row in answers(sample_run, tmp_path / "some.csv")] == labels
    told = predict(sample_run, tmp_path / "some.csv").stdout
    assert re.search(r" of 7 labels agree: .*; 1 row without a label\n", told)
    for name in ("some-out.csv", "some-out.parquet"):
        predict(sample_run, tmp_path / "some.csv", "--output", tmp_path / name)
    assert pq.read_table(tmp_path / "some-out.parquet")["label"].to_pylist() == labels
    rows[missing] = "x" + rows[missing][1:]
    (tmp_path / "some.csv").write_text("\n".join([header, *rows]) + "\n")
    assert "1 of the 8 rows of some.csv is not valid" in predict(sample_run, tmp_path / "some.csv", code=1).stderr


def test_labels_that_are_no_class_of_the_model_are_told(sample_run: Path, tmp_path: Path) -> None:
    header, *rows = lines_of(TRAIN)[:9]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([header, *rows[:4], *("55" + row[1:] for row in rows[4:])]) + "\n")
    told = predict(sample_run, path).stdout
    assert "of 4 labels agree: " in told
    assert "; 4 labels of no class of the model: 55\n" in told
    path.write_text("\n".join([header, *rows[:4], *("cat" + row[1:] for row in rows[4:])]) + "\n")
    refused = predict(sample_run, path, code=1).stderr
    assert "column label: 'cat' is none of the model's classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in refused
    assert "hint:  write one of the model's classes as the label, or leave the cell empty\n" in refused


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (60, 190)])
def test_drawn_digits_are_recognised(sample_run: Path, tmp_path: Path, ink: int, paper: int) -> None:
    paths = [draw(tmp_path / f"{digit}.png", digit, ink=ink, paper=paper) for digit in (0, 1, 7)]
    rows = answers(sample_run, *paths)
    assert [row["predicted"] for row in rows] == [0, 1, 7]
    assert [row["file"] for row in rows] == [str(path) for path in paths]
    assert all(row["row"] is None for row in rows)


def test_a_picture_of_two_digits_is_predicted_with_a_warning(sample_run: Path, tmp_path: Path) -> None:
    one, seven = (Image.open(draw(tmp_path / f"{digit}.png", digit)) for digit in (1, 7))
    both = Image.new("L", (800, 300), 255)
    both.paste(one, (0, 0))
    both.paste(seven, (400, 0))
    both.save(tmp_path / "both.png")
    told = predict(sample_run, tmp_path / "1.png", tmp_path / "7.png", tmp_path / "both.png").stderr
    assert told == (
        f"warning: {tmp_path}/both.png may show several digits, or one in pieces; a picture must show a single "
        "digit: the predictions may be wrong\n"
    )


def test_pictures_and_tables_can_be_mixed_and_paths_are_seen_from_the_folder(sample_copy: Path) -> None:
    draw(sample_copy / "seven.png", 7)
    (sample_copy / "rows.csv").write_text("\n".join(lines_of(TEST)[:3]) + "\n")
    text = predict(sample_copy, "seven.png", "rows.csv").stdout
    assert "seven.png" in text
    assert "rows.csv, row 1" in text


def test_an_id_column_is_passed_on(sample_copy: Path) -> None:
    header, *rows = lines_of(TEST)[:4]
    (sample_copy / "ids.csv").write_text("\n".join([f"id,{header}", *(f"n{i},{row}" for i, row in enumerate(rows))]))
    assert [row["id"] for row in answers(sample_copy, "ids.csv")] == ["n0", "n1", "n2"]


def test_a_file_without_a_header_is_read_if_the_settings_say_so(sample_copy: Path) -> None:
    (sample_copy / "bare.csv").write_text("\n".join(lines_of(TRAIN)[1:4]) + "\n")
    assert "use --set ingest.has_header=false\n" in predict(sample_copy, "bare.csv", code=1).stderr
    result = predict(sample_copy, "bare.csv", "--set", "ingest.has_header=false", "--json")
    assert result.stderr == ""  # how a file is laid out does not make the model stale
    rows = json.loads(result.stdout)["rows"]
    assert [str(row["label"]) for row in rows] == [line.split(",")[0] for line in lines_of(TRAIN)[1:4]]


def test_a_model_that_was_made_with_settings_of_ingest_is_not_stale_with_them(sample_copy: Path) -> None:
    settings = ["--set", "ingest.min_rows_per_class=3", "--set", "train.epochs=1"]
    call("run", sample_copy, "train", "-q", *settings)
    assert predict(sample_copy, TEST, *settings).stderr == ""
    told = predict(sample_copy, TEST, "--set", "ingest.min_rows_per_class=4", *settings[2:]).stderr
    assert "the model is not up to date" in told
    assert "run train --set train.epochs=1 brings it up to date" in told  # the other setting is about the files


def test_ids_without_a_header_are_not_taken_for_labels(sample_copy: Path) -> None:
    (sample_copy / "bare.csv").write_text("".join(f"{i},{row}\n" for i, row in enumerate(lines_of(TEST)[1:13])))
    rows = answers(sample_copy, "bare.csv", "--set", "ingest.has_header=false")
    assert [(row["id"], row["label"]) for row in rows] == [(str(i), None) for i in range(12)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.png", b"no picture at all", "text.png is not a PNG or JPEG picture"),
        ("cut.png", b"\x89PNG\r\n\x1a\n" + bytes(9), "cut.png is damaged or cut off\n"),
        ("animal.gif", b"GIF89a" + bytes(9), "animal.gif is not a PNG or JPEG picture"),
        ("drawing.svg", b"<svg>", "drawing.svg is not a PNG or JPEG picture"),
        ("table.xlsx", b"PK\x03\x04" + bytes(26) + b"xl/", "table.xlsx is a spreadsheet or another office file"),
        ("page.csv", b"<html>", "is a web page"),
        ("empty.png", b"", "empty.png is empty"),
        ("other.zip", b"PK\x03\x04", "unzip it first, or use pipeline -C "),
        ("empty.csv", b"", "is empty"),
        ("wide.csv", b"wide", "have 784 pixels, and those that the model was trained on have 8 x 8 = 64"),
        ("header.csv", b"header", "has a header, but no rows"),
        ("bad.csv", b"bad", "1 of the 2 rows of bad.csv is not valid"),
        ("bad.csv", b"bad", "line 3, column pixel0: '256'"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(sample_copy: Path, name: str, content: bytes, message: str) -> None:
    path = sample_copy / name
    header, first, *_ = lines_of(TEST)
    texts = {b"header": header + "\n", b"bad": f"{header}\n{first}\n256{first[first.index(',') :]}\n"}
    texts[b"wide"] = ",".join(f"pixel{i}" for i in range(784)) + "\n" + ",".join(["0"] * 784) + "\n"
    path.write_bytes(texts[content].encode() if content in texts else content)
    stderr = predict(sample_copy, name, code=1).stderr
    assert message in stderr
    assert "failures.parquet" not in stderr
    assert stderr.count("error:") == 1
    assert "hint:" in stderr


@pytest.mark.parametrize(
    ("before", "hint"), [("x", "the file is damaged, or is laid out in another way"), (" ", "take off the blanks")]
)
def test_a_table_of_nothing_but_bad_rows_has_the_advice_that_a_run_gives(
    sample_copy: Path, before: str, hint: str
) -> None:
    header, *rows = lines_of(TEST)[:9]
    (sample_copy / "bad.csv").write_text("\n".join([header, *(before + row for row in rows)]) + "\n")
    assert f"hint:  {hint}" in predict(sample_copy, "bad.csv", code=1).stderr


def test_a_table_that_ends_within_a_row_seems_cut_off(sample_copy: Path) -> None:
    (sample_copy / "cut.csv").write_text("\n".join(lines_of(TEST)[:4])[:-20])
    stderr = predict(sample_copy, "cut.csv", code=1).stderr
    assert "the file seems cut off in the middle of its last line" in stderr
    assert "hint:  copy or download it again" in stderr


def test_the_other_files_are_answered_where_some_cannot_be_read(sample_run: Path, tmp_path: Path) -> None:
    good = draw(tmp_path / "seven.png", 7)
    bad = [tmp_path / f"bad{i}.png" for i in range(7)]
    for path in bad:
        path.write_bytes(b"no picture at all")
    result = predict(sample_run, *bad[:4], good, *bad[4:], "--output", tmp_path / "answers.csv", "--json", code=1)
    document = json.loads(result.stdout)
    assert [row["predicted"] for row in document["rows"]] == [7]
    assert [each["file"] for each in document["failed"]] == [str(path) for path in bad]
    assert all("is not" in each["problem"] for each in document["failed"])
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 2
    assert [f"bad{i}.png is not" in result.stderr for i in range(7)] == [True] * 5 + [False] * 2
    assert "error: 2 more files cannot be read" in result.stderr
    assert predict(sample_run, *bad, "--json", code=1).stdout == ""


def test_every_picture_is_shown_and_only_rows_of_tables_are_cut(sample_run: Path, tmp_path: Path) -> None:
    one = draw(tmp_path / "0.png", 7)
    pictures = [one, *(Path(shutil.copy(one, tmp_path / f"{i}.png")) for i in range(1, 25))]
    text = predict(sample_run, TRAIN, *pictures).stdout
    assert all(f"{i}.png" in text for i in range(25))
    assert "and 1,418 more rows" in text


def test_a_folder_is_a_usage_error(sample_run: Path, tmp_path: Path) -> None:
    stderr = predict(sample_run, tmp_path, code=2).stderr
    assert "is a folder, not a file" in stderr
    assert "hint:  name a file" in stderr


def test_a_file_that_is_not_there_is_a_usage_error(sample_run: Path) -> None:
    assert "there is no file 'missing.png'" in predict(sample_run, "missing.png", code=2).stderr
    assert "there is no such home folder" in predict(sample_run, "~no-such-user/seven.png", code=2).stderr
    predict(sample_run, code=2)


def test_a_stale_model_is_used_with_a_warning(sample_run: Path) -> None:
    result = predict(sample_run, TEST, "--set", "train.epochs=21", "--json")
    assert "train.epochs 50 -> 21" in result.stderr
    model = json.loads(result.stdout)["model"]
    assert "train.epochs 50 -> 21" in model["stale"]
    receipt = json.loads((sample_run / "artifacts/train/receipt.json").read_text())
    assert model["key"] == receipt["key"]
    told = dict(receipt["figures"])
    assert model["figures"] == told | {"validation accuracy": told["validation accuracy"]["value"]}
    assert json.loads(predict(sample_run, TEST, "--json").stdout)["model"]["stale"] == ""


def test_a_model_works_without_its_raw_data(sample_copy: Path) -> None:
    (sample_copy / "data").mkdir()
    (sample_copy / "data/train.csv").write_text("label,pixel0\n")
    result = predict(sample_copy, TEST)
    assert "warning: the model is not up to date" in result.stderr or "cannot be told" in result.stderr


def test_as_a_real_process_it_writes_answers_to_one_stream_and_errors_to_the_other(sample_run: Path) -> None:
    command = [str(Path(sys.executable).with_name("pipeline")), "predict", "-C", str(sample_run), "--json"]
    if not os.access(command[0], os.X_OK):
        pytest.skip("the package is not installed beside this Python")
    done = subprocess.run([*command, str(TEST)], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["rows"]) == 359
    assert done.stderr == ""
    failed = subprocess.run([*command, "missing.csv"], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (2, "")


def test_another_label_set_is_answered_with_its_own_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    header = ",".join(f"pixel{i}" for i in range(16))
    images = [
        ["a", "b"][i % 2] + "," + ",".join(str(v + 150 * (i % 2)) for v in rng.integers(0, 99, 16)) for i in range(60)
    ]
    (tmp_path / "data/train.csv").write_text("\n".join([f"label,{header}", *images]) + "\n")
    (tmp_path / "data/test.csv").write_text("\n".join([header, *(row[2:] for row in images)]) + "\n")
    (tmp_path / "pipeline.toml").write_text('[ingest]\nclasses = ["a", "b"]\n[train]\nepochs = 10\n')
    call("run", tmp_path, "train")
    shutil.copy(tmp_path / "data/train.csv", tmp_path / "again.csv")
    rows = answers(tmp_path, "again.csv")
    assert {row["predicted"] for row in rows} == {"a", "b"}
    assert rows[0]["probabilities"].keys() == {"a", "b"}


def test_files_and_the_output_are_seen_from_where_the_user_stands(
    sample_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subfolder of the project is one where a picture may lie: the model is the project's, the paths are its own."""
    project = tmp_path / "project"
    (project / "pictures").mkdir(parents=True)
    (project / "artifacts").symlink_to(sample_run / "artifacts")
    draw(project / "pictures/one.png", 1)
    monkeypatch.chdir(project / "pictures")
    result = CliRunner().invoke(main, ["predict", "one.png", "-o", "answers.csv"])
    assert result.exit_code == 0, result.output
    assert (project / "pictures/answers.csv").read_text().splitlines()[1].startswith("one.png,")
    assert "there is no file" in CliRunner().invoke(main, ["predict", "pictures/one.png"]).output
    refused = CliRunner().invoke(main, ["predict", "one.png", "-o", "../artifacts/answers.csv"])
    assert (refused.exit_code, "where only stages write" in refused.output) == (2, True)


def test_names_that_are_not_utf8_are_shown_escaped(sample_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    shutil.copytree(sample_run, folder, symlinks=True, dirs_exist_ok=True)
    draw(folder / os.fsdecode(b"\xe9.png"), 7)
    assert "caf\\xe9gone' does not exist" in call("status", Path(f"{folder}gone"), code=2).stderr
    name, output = os.fsdecode(b"\xe9.png"), os.fsdecode(b"\xe9.csv")
    assert "\\xe9.png" in predict(folder, name).stdout
    assert [row["file"] for row in answers(folder, name)] == ["\\xe9.png"]
    predict(folder, name, "--output", output)
    assert "\\xe9.png,7," in (folder / output).read_text()
    predict(folder, name, "--output", output.replace("csv", "parquet"))
    call("run", folder, "all", "--force", "--set", "train.epochs=2")


def test_a_link_that_cannot_be_followed_is_reported(sample_run: Path, tmp_path: Path) -> None:
    (tmp_path / "far.csv").symlink_to("a" * 300)
    assert "far.csv is a link to nothing" in predict(sample_run, str(tmp_path / "far.csv"), code=1).stderr


def test_a_file_that_is_here_and_not_in_the_folder_of_c_is_told_from_one_that_is_nowhere(
    sample_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = draw(tmp_path / "my seven.png", 7)
    stderr = predict(sample_run, path.name, code=2).stderr
    assert f"hint:  paths are relative to the folder of -C: write '{path}'\n" in stderr
    assert "hint:  check the path\n" in predict(sample_run, "no.png", code=2).stderr
    assert "hint:  check the path\n" in predict(Path(), "no.png", code=2).stderr


def test_a_model_of_other_settings_is_named_with_the_run_that_makes_it(sample_run: Path, tmp_path: Path) -> None:
    path = draw(tmp_path / "seven.png", 7)
    stderr = predict(sample_run, path, "--set", "train.epochs=3").stderr
    assert "to keep the present results, put --set train.epochs=50 in place of --set train.epochs=3\n" in stderr
    assert f"hint:  pipeline -C {sample_run} run train --set train.epochs=3 brings it up to date\n" in stderr
    stderr = predict(sample_run, path, "--preset", "best").stderr
    shown = f"pipeline -C {sample_run} runs"
    assert f"put --like and the number of their run, which {shown} shows, in place of --preset best\n" in stderr
