"""No command writes its table in place of the raw data or of a file that it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from stages.sample import SAMPLE_FOLDER

IN_DATA = "lies in data/, where the raw files are"
READ = "is one of the files to read"


@pytest.mark.parametrize("test_set", ["own.csv", "gone.csv"])
@pytest.mark.parametrize(
    ("words", "file", "what"),
    [
        (("predict", "own.csv", "--output"), "data/train.csv", IN_DATA),
        (("predict", "own.csv", "--output"), "link.csv", READ),
        (("predict", "own.csv", "--output"), "raw.csv", READ),
        (("suspects", "--output"), "data/train.csv", IN_DATA),
        (("suspects", "--output"), "raw.csv", READ),
        (("score", "--answers", "own.csv", "--output"), "own.csv", READ),
        (("score", "own.csv", "--answers", "answers.csv", "--output"), "link.csv", READ),
        (("model", "--export"), "data/train.onnx", IN_DATA),
        (("sweep", "--grid", "train.epochs=1", "--force", "--output"), "data/train.csv", IN_DATA),
        (("sweep", "--grid", "train.epochs=1", "--force", "--output"), "raw.csv", READ),
    ],
)
def test_an_output_in_place_of_an_input_is_refused_and_no_file_changes(
    sample_copy: Path, words: tuple[str, ...], file: str, what: str, test_set: str
) -> None:
    (sample_copy / "data").mkdir()
    (sample_copy / "pipeline.toml").write_text(f'[ingest]\ntrain = "raw.csv"\ntest = "{test_set}"\n')
    for name in ("raw.csv", "own.csv", "answers.csv", "data/train.csv", "data/train.onnx"):
        (sample_copy / name).write_bytes((SAMPLE_FOLDER / "answers.csv.gz").read_bytes())
    os.link(sample_copy / "own.csv", sample_copy / "link.csv")
    before = {path: path.read_bytes() for path in sample_copy.iterdir() if path.is_file()}
    result = CliRunner().invoke(main, [*words, file, "-C", str(sample_copy)])
    assert (result.exit_code, f"{words[-1]} {file} {what}" in result.stderr) == (2, True), result.output
    assert {path: path.read_bytes() for path in sample_copy.iterdir() if path.is_file()} == before
