"""All stages in order, called directly: the bundled sample, and another image size with other labels."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import values_of
from stages import STAGES
from stages.ingest.parameters import IngestParameters
from stages.ingest.sources.find import find_sources
from stages.split.parameters import SplitParameters
from stages.train.parameters import TrainParameters


@pytest.fixture
def run_all(tmp_path: Path, run_stage):
    """Run the stages on what lies in tmp_path/data, or the sample; gives every stage's figures."""

    def run(folder: Path = tmp_path, split: dict[str, object] | None = None, **training: object) -> dict[str, dict]:
        sources = find_sources(IngestParameters(), tmp_path)
        parameters = {"split": SplitParameters(**(split or {})), "train": TrainParameters(**training)}
        return {
            stage.name: values_of(
                run_stage(stage.name, parameters.get(stage.name), folder=folder, sources=sources).figures
            )
            for stage in STAGES
        }

    return run


def read_submission(folder: Path) -> list[list[str]]:
    with (folder / "submit/submission.csv").open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.usefixtures("no_charts")
def test_the_bundled_sample_becomes_a_submission_with_a_score(tmp_path: Path, run_all) -> None:
    figures = run_all()
    lines = read_submission(tmp_path)
    assert lines[0] == ["ImageId", "Label"]
    assert [line[0] for line in lines[1:]] == [str(number) for number in range(1, 360)]
    assert {line[1] for line in lines[1:]} == set("0123456789")
    assert figures["submit"]["sample test score"] > 0.96
    metrics = json.loads((tmp_path / "evaluate/metrics.json").read_text())
    assert metrics["is_sample"] is True
    assert metrics["source"] == "bundled sample"
    assert metrics["accuracy"] == figures["evaluate"]["validation accuracy"] > 0.9


def test_two_runs_give_the_same_bytes_in_every_file(tmp_path: Path, run_all) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    written = []
    for folder in folders:
        run_all(folder, epochs=3)
        written.append({path.relative_to(folder): path.read_bytes() for path in folder.glob("*/*.*")})
    assert Path("submit/submission.csv") in written[0]
    assert written[0].keys() == written[1].keys()
    assert [path for path, content in written[0].items() if written[1][path] != content] == []


def write_bars(path: Path, labels: np.ndarray, *, with_labels: bool) -> None:
    """12 x 12 images of noise with a bright bar: along the top for 3, down the left for 7, across for 20."""
    rng = np.random.default_rng(len(labels))
    images = rng.integers(0, 60, (len(labels), 12, 12))
    images[labels == 3, :3, :] += 180
    images[labels == 7, :, :3] += 180
    images[np.ix_(labels == 20, range(12), range(12))] += (np.eye(12, dtype=np.int64) * 180)[None]
    frame = pd.DataFrame(images.reshape(len(labels), 144), columns=[f"pixel{index}" for index in range(144)])
    if with_labels:
        frame.insert(0, "label", labels)
    with gzip.open(path, "wt", newline="") as file:
        frame.to_csv(file, index=False)


@pytest.mark.usefixtures("no_charts")
def test_another_size_and_other_labels_come_out_as_they_went_in(tmp_path: Path, run_all) -> None:
    labels = np.random.default_rng(0).choice([3, 7, 20], 460)
    train, test = labels[:400], labels[400:]
    (tmp_path / "data").mkdir()
    write_bars(tmp_path / "data/train.csv.gz", train, with_labels=True)
    write_bars(tmp_path / "data/test.csv.gz", test, with_labels=False)
    figures = run_all(epochs=5, hidden=(32,))
    lines = read_submission(tmp_path)
    assert lines[0] == ["ImageId", "Label"]
    assert [int(line[1]) for line in lines[1:]] == test.tolist()
    assert "sample test score" not in figures["submit"]
    assert json.loads((tmp_path / "evaluate/metrics.json").read_text())["is_sample"] is False
    assert json.loads((tmp_path / "split/images.json").read_text())["height"] == 12
    assert list(pd.read_csv(tmp_path / "evaluate/confusion.csv")["label"]) == [3, 7, 20]


@pytest.mark.usefixtures("no_charts")
def test_an_ensemble_by_folds_with_every_row_trained_on_becomes_a_submission(tmp_path: Path, run_all) -> None:
    figures = run_all(split={"validation": 0.0}, folds=2, members=2, epochs=4, processes=1)
    assert len(read_submission(tmp_path)) == 360
    assert figures["evaluate"]["out-of-fold accuracy"] > 0.9
    assert figures["submit"]["sample test score"] > 0.9
    assert json.loads((tmp_path / "evaluate/metrics.json").read_text())["n_rows"] == 1438
