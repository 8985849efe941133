"""Encode: one-hot rows that give the labels back, for numbers and for texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError
from stages.encode.encode import class_indices


def write_labels(folder: Path, train: list, validation: list) -> None:
    (folder / "split").mkdir(exist_ok=True)
    np.save(folder / "split/labels_train.npy", np.array(train))
    np.save(folder / "split/labels_validation.npy", np.array(validation))


@pytest.mark.parametrize(
    ("train", "validation", "classes"),
    [([20, 3, 7, 7], [7, 20], [3, 7, 20]), (["b", "a", "b"], ["a"], ["a", "b"]), ([5, -1], [5], [-1, 5])],
)
def test_argmax_gives_the_original_labels_back(
    tmp_path: Path, run_stage, train: list, validation: list, classes: list
) -> None:
    write_labels(tmp_path, train, validation)
    outcome = run_stage("encode")
    assert json.loads((tmp_path / "encode/classes.json").read_text()) == {"classes": classes}
    for name, labels in (("train", train), ("validation", validation)):
        Y = np.load(tmp_path / f"encode/Y_{name}.npy")
        assert Y.dtype == np.float32
        assert Y.shape == (len(labels), len(classes))
        np.testing.assert_array_equal(Y.sum(axis=1), 1)
        assert [classes[index] for index in Y.argmax(axis=1)] == labels
    assert outcome.figures == {"classes": len(classes)}


def test_a_validation_label_that_no_training_row_has_is_named(tmp_path: Path, run_stage) -> None:
    write_labels(tmp_path, [3, 7], [7, 3, 20, 20])
    with pytest.raises(DataError) as caught:
        run_stage("encode")
    assert "label 20" in caught.value.what
    assert "row 2" in caught.value.where
    assert "split.validation=0 and train.folds=5" in caught.value.hint


def test_a_single_class_is_an_error(tmp_path: Path, run_stage) -> None:
    write_labels(tmp_path, [3, 3], [3])
    with pytest.raises(DataError, match="all training rows have the label 3"):
        run_stage("encode")


@given(classes=st.sets(st.integers(-5, 5), min_size=1), labels=st.lists(st.integers(-7, 7)))
def test_a_label_is_found_exactly_if_it_is_a_class(classes: set[int], labels: list[int]) -> None:
    ordered = np.array(sorted(classes))
    column = np.array(labels, dtype=np.int64)
    if set(labels) <= classes:
        np.testing.assert_array_equal(ordered[class_indices(column, ordered)], column)
    else:
        with pytest.raises(DataError):
            class_indices(column, ordered)
