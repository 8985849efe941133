"""Rows that are damaged, and what lies where a checkpoint belongs: one clear error, or a training like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import DataError
from stages.train.parameters import TrainParameters

SMALL = {"hidden": (16,), "epochs": 3, "batch_size": 32, "learning_rate": 0.03}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("train", {}),
        ("train", {"folds": 2}),
        ("train", {"deskew": "slant"}),
        ("train", {"activation": "sigmoid"}),
        ("validation", {}),
        ("validation", {"deskew": "slant"}),
    ],
)
def test_pixels_that_are_not_finite_are_blamed_and_not_the_learning_rate(
    rows: Path, run_stage, part: str, value: float, settings: dict
) -> None:
    X = np.load(rows / f"split/X_{part}.npy")
    X[17, 5] = value
    np.save(rows / f"split/X_{part}.npy", X)
    with pytest.raises(DataError, match=f"a pixel is {value}: row 17, column 5") as caught:
        run_stage("train", TrainParameters(**SMALL, **settings))
    assert (caught.value.where, caught.value.hint) == (f"split/X_{part}.npy", "pipeline run split --force")


@pytest.mark.parametrize("name", ["split/X_train", "split/X_validation", "encode/Y_train", "encode/Y_validation"])
def test_an_array_with_a_wrong_header_is_an_error(rows: Path, run_stage, name: str) -> None:
    path = rows / f"{name}.npy"
    path.write_bytes(path.read_bytes().replace(b"'shape': (", b"'shape': (9999999,", 1))
    with pytest.raises(DataError, match=path.name) as caught:
        run_stage("train", TrainParameters(**SMALL))
    assert caught.value.hint == f"pipeline run {Path(name).parent} --force"


@pytest.mark.parametrize(
    "row", [[0, 0, 0], [1, 1, 0], [0.5, 0.5, 0], [np.nan, 1, 0], [2, -1, 0], [np.inf, 0, 0], [1, 1, -1]]
)
@pytest.mark.parametrize("part", ["train", "validation"])
def test_rows_that_are_not_one_hot_are_reported(rows: Path, run_stage, part: str, row: list[float]) -> None:
    Y = np.load(rows / f"encode/Y_{part}.npy")
    Y[3] = row
    np.save(rows / f"encode/Y_{part}.npy", Y)
    with pytest.raises(DataError, match="one-hot"):
        run_stage("train", TrainParameters(**SMALL))


def test_pixels_that_were_never_scaled_are_reported(rows: Path, run_stage) -> None:
    np.save(rows / "split/X_train.npy", np.zeros((250, 12), np.int64))
    with pytest.raises(DataError, match="the pixels are int64"):
        run_stage("train", TrainParameters(**SMALL))


def test_a_folder_in_place_of_the_checkpoint_is_removed(rows: Path, run_stage) -> None:
    for name in ("member-0-0.npz", "member-0-0.npz.new"):
        (rows / "scratch/train" / name / "more").mkdir(parents=True)
    run_stage("train", TrainParameters(**SMALL))
    assert not list((rows / "scratch/train").glob("member-0-0*"))
