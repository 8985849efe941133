"""`pipeline suspects`: labels that were exchanged on purpose are found, on the lines where they stand."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import call

from stages.sample import SAMPLE_FOLDER

suspects = partial(call, "suspects")
pytestmark = pytest.mark.usefixtures("no_charts_in_module")

SETTINGS = ("--set", "train.folds=3", "--set", "train.epochs=12", "--set", "ingest.on_error=quarantine")
BAD_LINES = (2, 500, 501)  # set aside; lines count from 1, and the header has the first


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[int]]:
    """A run with folds on the sample, with three bad lines and 1 % of the labels exchanged; and the latter's lines."""
    folder = tmp_path_factory.mktemp("exchanged")
    (folder / "data").mkdir()
    for name in ("train", "test"):
        (folder / f"data/{name}.csv").write_bytes(gzip.decompress((SAMPLE_FOLDER / f"{name}.csv.gz").read_bytes()))
    path = folder / "data/train.csv"
    header, *lines = path.read_text().splitlines()
    chosen = np.random.default_rng(0).choice(len(lines), len(lines) // 100, replace=False).tolist()
    for at in chosen:
        label, rest = lines[at].split(",", 1)
        lines[at] = f"{(int(label) + 1 + at % 9) % 10},{rest}"
    lines = [header, *lines]
    moved = {at + 2 for at in chosen}  # lines in the file, from 1
    for bad in BAD_LINES:
        lines.insert(bad - 1, "5,no,pixels")
        moved = {line + (line >= bad) for line in moved}
    path.write_text("\n".join(lines) + "\n")
    call("run", folder, "all", "-q", *SETTINGS)
    return folder, moved


def found_in(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(suspects(folder, "--json").stdout)
    return document


def test_nine_of_ten_exchanged_labels_are_among_the_first_two_per_cent(exchanged: tuple[Path, set[int]]) -> None:
    folder, lines = exchanged
    found = found_in(folder)
    assert found["judged"] == found["rows"] == 1438
    first = {each["line"] for each in found["suspects"][: found["rows"] // 50]}
    assert len(first & lines) >= 0.9 * len(lines)


def test_a_line_is_that_of_the_training_file(exchanged: tuple[Path, set[int]]) -> None:
    folder, _ = exchanged
    lines = (folder / "data/train.csv").read_text().splitlines()
    for each in found_in(folder)["suspects"]:
        assert lines[each["line"] - 1].startswith(f"{each['label']},")
    assert {each["line"] - each["row"] for each in found_in(folder)["suspects"]} <= {3, 5}


def test_all_are_written_and_the_first_are_shown(exchanged: tuple[Path, set[int]], tmp_path: Path) -> None:
    folder, _ = exchanged
    found = found_in(folder)["suspects"]
    shown = suspects(folder, "--most", 1, "-o", tmp_path / "found.csv").stdout
    with (tmp_path / "found.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [int(each["line"]) for each in written] == [each["line"] for each in found]
    assert list(written[0]) == ["line", "row", "label", "suggested", "p_label", "p_suggested", "is_confident"]
    first, second = found[:2]
    assert f"line {first['line']:,}: {first['label']} or {first['suggested']}" in shown
    assert f"line {second['line']:,}: " not in shown
    assert "\nprobably wrong: the network is as sure of its prediction as it is, on average, of rows" in shown
    assert f"{sum(each['is_confident'] for each in found)} of 1,438 labels" in shown


def test_the_report_draws_them(exchanged: tuple[Path, set[int]]) -> None:
    folder, _ = exchanged
    first = found_in(folder)["suspects"][0]
    report = (folder / "artifacts/evaluate/report.html").read_text()
    assert f"Row {first['row']}: labelled {first['label']}, taken for {first['suggested']}" in report


def test_without_folds_it_says_how_many_rows_were_not_judged(sample_run: Path) -> None:
    result = suspects(sample_run)
    assert "1,294 rows were not judged" in result.stderr
    folds = "--set train.folds=5"
    hint = (
        f"pipeline -C {sample_run} run all {folds} judges every row; then pipeline -C {sample_run} suspects {folds}\n"
    )
    assert result.stderr.endswith(hint)  # suspects alone would call that run's results out of date


def test_probabilities_that_are_not_up_to_date_are_reported(sample_copy: Path) -> None:
    assert "not up to date" not in suspects(sample_copy).stderr
    (sample_copy / "pipeline.toml").write_text("[train]\nepochs = 21\n")
    told = suspects(sample_copy).stderr
    assert "warning: what the labels are judged by is not up to date\n  why:   train: " in told


def test_it_takes_the_settings_of_the_run(exchanged: tuple[Path, set[int]]) -> None:
    folder, _ = exchanged
    assert "not up to date" in suspects(folder).stderr
    for words in (SETTINGS, ("--like", "1")):
        assert "not up to date" not in suspects(folder, *words).stderr
    told = suspects(folder, "--preset", "fast").stderr
    assert f"hint:  pipeline -C {folder} run evaluate --preset fast brings it up to date" in told


@pytest.mark.parametrize(
    ("change", "last"),
    [
        (lambda lines: lines[100:], "ingest"),
        (lambda lines: [line.replace(",0,", ",1,") for line in lines], "ingest"),  # other images, the same labels
        (lambda lines: [line for line in lines if line[0] < "4"], "encode"),
    ],
)
def test_results_that_do_not_fit_together_are_refused(
    sample_copy: Path, change: Callable[[list[str]], list[str]], last: str
) -> None:
    (sample_copy / "data").mkdir()
    for name in ("train", "test"):
        text = gzip.decompress((SAMPLE_FOLDER / f"{name}.csv.gz").read_bytes()).decode()
        header, *lines = text.splitlines()
        lines = change(lines) if name == "train" else lines
        (sample_copy / f"data/{name}.csv").write_text("\n".join([header, *lines]) + "\n")
    call("run", sample_copy, last, "-q")
    result = suspects(sample_copy, code=1)
    assert "evaluate predicted other data" in result.stderr
    assert f"hint:  pipeline -C {sample_copy} run evaluate" in result.stderr


@pytest.mark.parametrize(("output", "said"), [("found.txt", "not end in .csv"), ("nowhere/found.csv", "is not there")])
def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path, output: str, said: str) -> None:
    assert said in suspects(tmp_path, "-o", output, code=2).stderr
