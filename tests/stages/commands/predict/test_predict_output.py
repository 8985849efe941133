"""`pipeline predict --output`: every row in a file that is whole, and never written through a link."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from calling import call
from calling_predict import TEST, TRAIN, lines_of, predict

pytestmark = pytest.mark.usefixtures("no_charts_in_module")


def test_output_as_csv_and_as_parquet_holds_every_row_and_every_probability(sample_run: Path, tmp_path: Path) -> None:
    for name in ("answers.csv", "answers.parquet"):
        assert "1,438 rows written" in predict(sample_run, TRAIN, "--output", tmp_path / name).stdout
    with (tmp_path / "answers.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "answers.parquet")
    columns = ["file", "row", "label", "predicted", "confidence", *(f"p_{label}" for label in range(10))]
    assert list(written[0]) == table.column_names == columns
    assert [int(row["predicted"]) for row in written] == table["predicted"].to_pylist()
    assert [np.float32(row["confidence"]) for row in written] == table["confidence"].to_pylist()


def test_an_older_output_is_replaced_by_a_whole_one_or_left_alone(sample_run: Path, tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("older")
    (tmp_path / f".pipeline-{'0' * 32}").write_text("left by a killed one")
    (tmp_path / "bad.csv").write_text(lines_of(TEST)[0] + "\n1,2,3\n")
    predict(sample_run, tmp_path / "bad.csv", "--output", tmp_path / "answers.csv", code=1)
    assert (tmp_path / "answers.csv").read_text() == "older"
    predict(sample_run, TEST, "--output", tmp_path / "answers.csv")
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 360
    assert {path.name for path in tmp_path.iterdir()} == {"answers.csv", "bad.csv"}


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["link", "hard link"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_output_is_never_written_through_a_link(
    sample_run: Path, tmp_path: Path, link: Callable[[Path, Path], None], suffix: str
) -> None:
    (tmp_path / "outside").write_text("precious")
    output = tmp_path / f"answers{suffix}"
    link(tmp_path / "outside", output)
    predict(sample_run, TEST, "--output", output)
    assert (tmp_path / "outside").read_text() == "precious"
    assert (output.is_symlink(), output.stat().st_size > 10_000) == (False, True)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("answers.txt", "neither in .csv nor in .parquet"),
        ("missing/answers.csv", "lies in a folder that is not there"),
        ("rows.csv", "is one of the files to read"),
        ("artifacts/answers.csv", "where only stages write"),
        ("linked/answers.csv", "where only stages write"),
        ("pipe.csv", "is not a plain file"),
        (f"{'a' * 300}.csv", "cannot be written: File name too long"),
    ],
)
def test_an_output_that_cannot_be_meant_is_refused(sample_copy: Path, output: str, message: str) -> None:
    (sample_copy / "rows.csv").write_text("\n".join(lines_of(TEST)[:3]) + "\n")
    os.mkfifo(sample_copy / "pipe.csv")
    (sample_copy / "linked").symlink_to("artifacts/train")
    assert message in predict(sample_copy, "rows.csv", "--output", output, code=2).stderr
    assert len((sample_copy / "rows.csv").read_text().splitlines()) == 3


def test_an_output_whose_draft_cannot_be_removed_is_there(sample_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *, missing_ok: bool = False) -> None:  # noqa: ARG001 - as it is called
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    predict(sample_copy, TEST, "--output", "answers.csv")
    assert len((sample_copy / "answers.csv").read_text().splitlines()) == 360


@pytest.mark.parametrize(
    ("command", "words", "file"), [("predict", (TEST, "--output"), "out.csv"), ("model", ("--export",), "out.onnx")]
)
def test_an_output_that_the_system_refuses_is_reported_with_what_to_do(
    sample_copy: Path, command: str, words: tuple[object, ...], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it is immutable (chattr +i), which nobody can see before."""

    def refuse(path: Path, target: Path) -> None:  # noqa: ARG001 - as it is called
        raise PermissionError(1, "Operation not permitted", str(target))

    if command == "model":
        pytest.importorskip("onnx")
    monkeypatch.setattr(Path, "replace", refuse)
    stderr = call(command, sample_copy, *words, file, code=1).stderr
    assert f"error: {file} cannot be written: Operation not permitted" in stderr
    assert f"hint:  name another file with {words[-1]}" in stderr
