"""Every command says which stage makes the result that it lacks, or that it finds damaged, and does nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import call
from made_kaggle import Kaggle

from stages.sample import SAMPLE_FOLDER

TEST = SAMPLE_FOLDER / "test.csv.gz"
UPLOAD = ("-m", "x", "--yes")
ANSWERS = ("--answers", SAMPLE_FOLDER / "answers.csv.gz")


@pytest.fixture(autouse=True)
def without_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", None)


@pytest.mark.parametrize(
    ("command", "words", "stage"),
    [
        ("model", (), "train"),
        ("predict", (TEST,), "train"),
        ("report", (), "evaluate"),
        ("score", ANSWERS, "submit"),
        ("show", (0,), "split"),
        ("suspects", (), "ingest"),
        ("upload", UPLOAD, "submit"),
    ],
)
def test_before_any_run_the_command_that_makes_it_is_named(
    tmp_path: Path, kaggle: Kaggle, command: str, words: tuple[object, ...], stage: str
) -> None:
    stderr = call(command, tmp_path, *words, code=1).stderr
    assert f"error: {stage} has not been run yet\n" in stderr
    assert f"hint:  pipeline -C {tmp_path} run {stage}\n" in stderr
    assert kaggle.calls == []


@pytest.mark.parametrize(
    ("command", "words", "file"),
    [
        ("model", (), "train/model.npz"),
        ("predict", (TEST,), "train/model.npz"),
        ("report", (), "evaluate/report.html"),
        ("score", ANSWERS, "submit/submission.csv"),
        ("show", (0,), "split/images.json"),
        ("suspects", (), "evaluate/predictions.parquet"),
        ("upload", UPLOAD, "submit/submission.csv"),
    ],
)
def test_a_damaged_one_is_not_used(
    sample_copy: Path, kaggle: Kaggle, command: str, words: tuple[object, ...], file: str
) -> None:
    path = (sample_copy / "artifacts" / file).resolve()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    stage = file.partition("/")[0]
    stderr = call(command, sample_copy, *words, code=1).stderr
    assert f"error: the result of {stage} is damaged: {file}\n" in stderr
    assert f"hint:  pipeline -C {sample_copy} run {stage}\n" in stderr
    assert kaggle.calls == []
