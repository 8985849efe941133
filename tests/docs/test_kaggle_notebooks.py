"""docs/kaggle-notebooks.md: its three cells lead from Kaggle's input to a submission."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stages.sample import SAMPLE_FOLDER

PAGE = (Path(__file__).parents[2] / "docs/kaggle-notebooks.md").read_text(encoding="utf-8")
CELLS = re.findall(r"^```\n(.+?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
WHEEL = "digit_pipeline-0.1.0-py3-none-any.whl"


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """A folder like /kaggle: a competition, a dataset with the wheel, and an empty folder to work in."""
    kaggle = tmp_path / "kaggle"
    competition = kaggle / "input/competitions/digit-recognizer"
    for folder in (competition, kaggle / "input/my-wheel", kaggle / "working", tmp_path / "bin"):
        folder.mkdir(parents=True)
    for name in ("train.csv", "test.csv"):
        (competition / name).write_bytes(gzip.decompress((SAMPLE_FOLDER / f"{name}.gz").read_bytes()))
    (kaggle / "input/my-wheel" / WHEEL).write_bytes(b"")
    for program, does in (("pipeline", f'exec "{sys.executable}" -m pipeline "$@"'), ("pip", 'echo "pip $@"')):
        (tmp_path / "bin" / program).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / "bin" / program).chmod(0o755)
    return kaggle


def test_the_three_cells_lead_to_a_submission(kaggle: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{kaggle.parent / 'bin'}:{os.environ['PATH']}",
        "PIPELINE_INGEST_KAGGLE_INPUT": str(kaggle / "input"),
        "PIPELINE_TRAIN_EPOCHS": "1",
    }
    working = kaggle / "working"
    installed, ran, looked = (
        subprocess.run(
            ["bash", "-e", "-c", re.sub("(?m)^!", "", cell).replace("/kaggle/", f"{kaggle}/")],
            cwd=working,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        for cell in CELLS
    )
    assert installed.stdout == f"pip install -q {kaggle}/input/my-wheel/{WHEEL}\n"
    origin = kaggle / "input/competitions/digit-recognizer/train.csv"
    assert f"Nothing lies in data/, so the files are read where they are:\n{origin}\n" in ran.stderr
    assert "BUNDLED SAMPLE" not in ran.stderr
    assert looked.stdout.splitlines()[0] == "ImageId,Label"
    submission = (working / "submission.csv").read_bytes()
    assert submission == (working / "artifacts/submit/submission.csv").read_bytes()
    assert submission.count(b"\n") == 360
    assert b"<html" in (working / "report.html").read_bytes()
    assert sorted(path.name for path in working.iterdir()) == ["artifacts", "report.html", "submission.csv"]
