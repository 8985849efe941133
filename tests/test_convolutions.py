"""Convolutions as a user trains them: through every stage and command, with images that are not square."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.cli import main
from stages.mlp import load_members

HEIGHT, WIDTH = 12, 7
SETTINGS = f"""
[ingest]
height = {HEIGHT}
width = {WIDTH}
classes = ["level", "upright"]

[train]
filters = [8]
hidden = [16]
epochs = 12
learning_rate = 0.01
folds = 3
processes = 1

[[train.variants]]

[[train.variants]]
filters = [6, 12]
kernel = [9, 4]
stride = [1, 2]
batch_norm = true

[[train.variants]]
filters = []
deskew = "slant_and_width"
"""


def write_strokes(path: Path, n: int, *, labelled: bool, seed: int) -> list[str]:
    """``n`` images with a level or an upright stroke, in a CSV; gives their labels."""
    rng = np.random.default_rng(seed)
    labels = ["level", "upright"] * (n // 2)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["label"] * labelled + [f"pixel{i}" for i in range(HEIGHT * WIDTH)])
        for label in labels:
            image = rng.integers(0, 40, (HEIGHT, WIDTH))
            y, x = rng.integers(0, HEIGHT - 4), rng.integers(0, WIDTH - 4)
            image[(slice(y, y + 4), x) if label == "upright" else (y, slice(x, x + 4))] = 250
            table.writerow([label] * labelled + image.ravel().tolist())
    return labels


def called(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(main, [*words, "-C", str(folder)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strokes")
    (folder / "data").mkdir()
    (folder / "pipeline.toml").write_text(SETTINGS)
    write_strokes(folder / "data/train.csv", 400, labelled=True, seed=0)
    write_strokes(folder / "data/test.csv", 60, labelled=False, seed=1)
    called(folder, "run", "all")
    return folder


def test_members_with_differing_filters_are_trained_judged_and_shown(trained: Path) -> None:
    described = [network.architecture.description for network in load_members(trained / "artifacts/train/model.npz")]
    assert described == [
        "12 x 7 - 8 filters of 5 x 5 - 16 - 1",
        "12 x 7 - 6 filters of 9 x 9 - 12 filters of 4 x 4 - 16 - 1",
        "84 - 16 - 1",
    ]
    metrics = json.loads((trained / "artifacts/evaluate/metrics.json").read_text())
    assert metrics["members"][0]["accuracy"] > 0.9
    page = (trained / "artifacts/evaluate/report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "; ".join(described) in page


def test_the_submission_and_predict_and_show_give_the_same_right_answers(trained: Path, tmp_path: Path) -> None:
    labels = write_strokes(tmp_path / "test.csv", 60, labelled=False, seed=1)
    submitted = [line.split(",")[1] for line in (trained / "artifacts/submit/submission.csv").read_text().split()[1:]]
    assert np.mean(np.array(submitted) == labels) > 0.9
    called(trained, "predict", str(tmp_path / "test.csv"), "--output", str(tmp_path / "answers.csv"))
    with (tmp_path / "answers.csv").open() as file:
        assert [line["predicted"] for line in csv.DictReader(file)] == submitted
    assert json.loads(called(trained, "show", "5", "--test", "--json"))["predicted"] == submitted[5]


@pytest.mark.parametrize(
    "setting", ["filters [0]", "filters [16,-1]", "filters 16", "kernel 0", "kernel [5,0]", "stride 0"]
)
def test_a_wrong_setting_is_told_of_in_one_block(tmp_path: Path, setting: str) -> None:
    name, value = setting.split()
    result = CliRunner().invoke(main, ["run", "all", "--set", f"train.{name}={value}", "-C", str(tmp_path)])
    assert result.exit_code == 2
    assert [line.split(":")[0].strip() for line in result.stderr.splitlines()] == ["error", "where", "hint"]
    assert f"train.{name} cannot be {value}" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "has"), [("kernel", "[3,3,3]", "has 3 numbers for"), ("stride", "[2]", "has 1 number for")]
)
def test_a_list_that_does_not_fit_the_filters_is_told_of_before_anything_runs(
    tmp_path: Path, name: str, value: str, has: str
) -> None:
    words = ["--set", "train.filters=[4,8]", "--set", f"train.{name}={value}"]
    result = CliRunner().invoke(main, ["run", "all", "--dry-run", *words, "-C", str(tmp_path)])
    assert result.exit_code == 2
    assert f"{name} {has} 2 filters" in result.stderr
    assert f"train.filters in --set, train.{name} in --set" in result.stderr
    assert "hint:" in result.stderr
