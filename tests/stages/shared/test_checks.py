"""The checks: each accepts what a stage writes, and refuses each way of being wrong with a bounded message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.config
import pytest

from pipeline.errors import DataError
from stages.encode.checks import check_classes, check_one_hot
from stages.evaluate.checks import check_confusion, check_metrics, check_predictions, check_report
from stages.ingest.checks import check_source
from stages.split.checks import BLOCK_ROWS, check_images, check_labels, check_pixels, check_rows
from stages.submit.checks import check_submission
from stages.train.checks import check_folds, check_history


def pixels(**changes: float) -> np.ndarray:
    X = np.linspace(0, 1, 40, dtype=np.float32).reshape(10, 4)
    for cell, value in changes.items():
        X[int(cell[1:]), 2] = value
    return X


ONE_HOT = np.eye(3, dtype=np.float32)
IMAGES = {
    "height": 2,
    "width": 3,
    "normaliser": {"kind": "range", "offset": 0.0, "scale": 255.0},
    "n_train": 5,
    "n_validation": 2,
    "n_test": 1,
}
METRICS = {
    "accuracy": 0.75,
    "accuracy_interval": [0.3, 0.95],
    "log_loss": 0.5,
    "macro_f1": 0.7,
    "n_rows": 4,
    "n_errors": 1,
    "source": "data/train.csv",
    "is_sample": False,
    "holds_test_images": False,
    "per_class": [
        {"label": 3, "n_rows": 1, "precision": 1.0, "recall": 1.0, "f1": 1.0},
        {"label": 7, "n_rows": 3, "precision": 0.5, "recall": 0.5, "f1": 0.5},
    ],
}
PREDICTIONS = {
    "row": np.array([4, 0]),
    "label": np.array([3, 7]),
    "predicted": np.array([3, 3]),
    "correct": np.array([True, False]),
    "confidence": np.array([0.75, 0.5], dtype=np.float32),
    "fold": np.array([-1, 2]),
    "disagreements": np.array([0, 3]),
    "p_3": np.array([0.75, 0.5], dtype=np.float32),
    "p_7": np.array([0.25, 0.5], dtype=np.float32),
}
POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
PAGE = f'<!doctype html>\n<html><head>{POLICY}</head><body><img src="data:image/png;base64,AA"></body></html>\n'


def history(**columns: list[int] | list[bool]) -> dict[str, Any]:
    """Two lines of a history, by default the first epoch of a single member twice, and once kept."""
    numbers = {"member": [0, 0], "fold": [0, 0], "epoch": [1, 1]}
    names = ("learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return {**numbers, **{name: [0.5, 0.5] for name in names}, "kept": [True, False], **columns}


def write(path: Path, content: Any) -> Path:
    """Write an array, a table, a JSON document or a text, by what the name ends in."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif path.suffix == ".npy":
        np.save(path, content)
    elif path.suffix == ".parquet":
        pd.DataFrame(content).to_parquet(path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(content))
    else:
        path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("check", "name", "content"),
    [
        (check_pixels, "X.npy", pixels()),
        (check_pixels, "X.npy", np.zeros((0, 4), dtype=np.float32)),
        (check_labels, "labels.npy", np.array([3, 7, 3])),
        (check_labels, "labels.npy", np.array(["a", "bc"])),
        (check_labels, "labels.npy", np.array([], dtype=np.int64)),
        (check_history, "history.parquet", history(epoch=[1, 2])),
        (check_history, "history.parquet", history(member=[0, 1], kept=[True, True])),
        (check_folds, "folds.npy", np.array([1, 0, 1], np.int16)),
        (check_folds, "folds.npy", np.array([-1, -1], np.int16)),
        (check_rows, "rows.npy", np.array([5, 0, 2])),
        (check_source, "source.json", {"source": "data/train.csv", "is_sample": False, "holds_test_images": False}),
        (check_images, "images.json", IMAGES),
        (check_one_hot, "Y.npy", ONE_HOT),
        (check_classes, "classes.json", {"classes": [3, 7, 20]}),
        (check_classes, "classes.json", {"classes": ["a", "b"]}),
        (check_metrics, "metrics.json", METRICS),
        (check_predictions, "predictions.parquet", PREDICTIONS),
        (check_confusion, "confusion.csv", "label,3,7\n3,5,0\n7,1,4\n"),
        (check_confusion, "confusion.csv", "label,label,a\nlabel,5,0\na,1,4\n"),
        (check_report, "report.html", PAGE),
        (check_submission, "submission.csv", "ImageId,Label\n1,3\n2,NA\n"),
    ],
)
def test_what_a_stage_writes_passes(tmp_path: Path, check: Callable[[Path], None], name: str, content: object) -> None:
    assert check(write(tmp_path / name, content)) is None


@pytest.mark.parametrize(
    ("check", "name", "content", "message"),
    [
        (check_pixels, "X.npy", pixels(r3=np.nan), "row 3 column 2: nan"),
        (check_pixels, "X.npy", pixels(r4=np.nextafter(np.float32(1), np.float32(2))), "1 value .*row 4 column 2: 1.0"),
        (check_pixels, "X.npy", pixels(r9=1.001, r2=-0.1), r"2 values .*row 2 column 2: -0.1.*row 9"),
        (check_pixels, "X.npy", pixels().astype(np.float16), "float16, not float32 or float64"),
        (check_pixels, "X.npy", pixels().ravel(), r"shape \(40,\)"),
        (check_pixels, "X.npy", np.asfortranarray(pixels()), "C order"),
        (check_pixels, "X.npy", b"\x93NUMPY and nothing", "not a readable .npy file"),
        (check_pixels, "X.npy", b"", "not a readable .npy file"),
        (check_labels, "labels.npy", np.array([1.0]), "float64, not int64 or text"),
        (check_history, "history.parquet", history(epoch=[1, 3]), "not 1, 2, 3"),
        (check_history, "history.parquet", history(member=[1, 1]), "of member 0, 1, 2"),
        (check_history, "history.parquet", history(epoch=[1, 1]), "not 1, 2, 3"),
        (check_history, "history.parquet", history(epoch=[1, 2], kept=[False, False]), "not one epoch is kept"),
        (check_history, "history.parquet", history(member=[0, 1], kept=[True, False]), "not one epoch is kept"),
        (check_folds, "folds.npy", np.array([0, 2, 0], np.int16), r"the folds are \[0, 2\], not -1 or 0, 1, 2"),
        (check_folds, "folds.npy", np.array([-1, 0], np.int16), "not -1 or 0, 1, 2"),
        (check_folds, "folds.npy", np.array([0, 1]), "int64, not int16"),
        (check_rows, "rows.npy", np.array([1, -4]), "-4 is negative"),
        (check_rows, "rows.npy", np.array([1, 4, 4]), "4 occurs more than once"),
        (check_rows, "rows.npy", np.array([1], dtype=np.int32), "int32, not int64"),
        (check_source, "source.json", {"source": "", "is_sample": False, "holds_test_images": False}, "length >= 1"),
        (check_source, "source.json", {"source": "data/train.csv", "is_sample": 0, "holds_test_images": False}, "bool"),
        (check_images, "images.json", IMAGES | {"height": 0}, r"\$.height"),
        (check_images, "images.json", IMAGES | {"colour": 1}, "colour"),
        (check_images, "images.json", b'{"height": ', "truncated"),
        (check_one_hot, "Y.npy", ONE_HOT * np.float32(0.5), "row 0 is not one-hot"),
        (check_one_hot, "Y.npy", ONE_HOT[[0, 1, 1]] + ONE_HOT[[0, 1, 0]] * 1, "row 0 is not one-hot"),
        (check_one_hot, "Y.npy", np.array([[1, 0.5, 0]], dtype=np.float32), "row 0 is not one-hot"),
        (check_one_hot, "Y.npy", np.zeros((1, 3), dtype=np.float32), "row 0 is not one-hot"),
        (check_one_hot, "Y.npy", np.full((1, 1), np.nan, dtype=np.float32), "row 0 is not one-hot"),
        (check_classes, "classes.json", {"classes": [3]}, "length >= 2"),
        (check_classes, "classes.json", {"classes": [3, 3]}, "a label twice"),
        (check_classes, "classes.json", {"classes": [3, "3"]}, "mixes numbers and texts"),
        (check_metrics, "metrics.json", METRICS | {"accuracy": 0.8}, "does not agree with n_errors"),
        (check_metrics, "metrics.json", METRICS | {"n_rows": 5}, "sum over per_class"),
        (check_metrics, "metrics.json", METRICS | {"accuracy_interval": [0.8, 0.9]}, "outside its interval"),
        (check_metrics, "metrics.json", METRICS | {"log_loss": -1.0}, "log_loss"),
        (check_predictions, "p.parquet", PREDICTIONS | {"row": np.array([4, 4])}, "row line .: 4 fails"),
        (check_predictions, "p.parquet", PREDICTIONS | {"p_7": PREDICTIONS["p_3"]}, "sum to 1.*line 0"),
        (check_predictions, "p.parquet", PREDICTIONS | {"correct": np.array([True, True])}, "correct.*line 1"),
        (check_predictions, "p.parquet", PREDICTIONS | {"predicted": np.array([7, 3])}, "predicted is not"),
        (check_predictions, "p.parquet", PREDICTIONS | {"confidence": PREDICTIONS["p_7"]}, "confidence is not"),
        (check_predictions, "p.parquet", PREDICTIONS | {"extra": np.array([1, 2])}, "extra"),
        (check_predictions, "p.parquet", b"PAR1 no more", "cannot be read"),
        (check_confusion, "confusion.csv", "label,3,7\n3,5,0\n8,1,4\n", "labels of lines and columns differ"),
        (check_confusion, "confusion.csv", "label,3,7\n3,5,0\n7,-1,4\n", "'?-1'? fails"),
        (check_confusion, "confusion.csv", "label,3,7\n3,5,0\n7,x,4\n", "fails"),
        (check_confusion, "confusion.csv", "name,3\n3,5\n", "first cell is not 'label'"),
        (check_report, "report.html", PAGE.removesuffix("</html>\n"), "not whole"),
        (check_report, "report.html", PAGE.replace(POLICY, ""), "no content security policy"),
        (check_report, "report.html", PAGE.replace("data:", "//elsewhere/"), "refers to '//elsewhere/"),
        (check_submission, "submission.csv", "ImageId,Label\n", "0 rows of 2 columns"),
        (check_submission, "submission.csv", "Label\n1\n", "1 row of 1 column, not"),
        (check_submission, "submission.csv", "ImageId,Label\n1,3\n1,4\n", "ImageId line .: '1' fails"),
        (check_submission, "submission.csv", "ImageId,Label\n1,\n", "Label line 0: '' fails"),
        (check_submission, "submission.csv", b"", "not a readable CSV file"),
    ],
)
def test_each_way_of_being_wrong_is_refused(
    tmp_path: Path, check: Callable[[Path], None], name: str, content: object, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        check(write(tmp_path / name, content))
    assert "pipeline run" in caught.value.hint


def test_a_bad_pixel_past_the_first_block_is_found(tmp_path: Path) -> None:
    X = np.zeros((BLOCK_ROWS + 2, 2), dtype=np.float32)
    X[-1, 1] = 2.0
    with pytest.raises(DataError, match=f"row {BLOCK_ROWS + 1} column 1: 2.0"):
        check_pixels(write(tmp_path / "X.npy", X))


def test_a_thousand_failures_make_a_short_message(tmp_path: Path) -> None:
    text = "ImageId,Label\n" + "".join(f"{row % 2},3\n" for row in range(1000))
    with pytest.raises(DataError, match="and 995 more") as caught:
        check_submission(write(tmp_path / "submission.csv", text))
    assert len(str(caught.value)) < 1000


def test_checks_stay_on_where_pandera_is_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandera.config.CONFIG, "validation_enabled", False)
    with pytest.raises(DataError, match="fails"):
        check_submission(write(tmp_path / "submission.csv", "ImageId,Label\n1,3\n1,4\n"))
