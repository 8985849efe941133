"""A trained network at work: the same answers in blocks as at once, and clear errors for a file that is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import DataError
from stages.mlp import Architecture, Images, Network, predict_proba, save
from stages.train import predictor as inference
from stages.train.predictor import load_predictor

CLASSES = (3, 7, 20)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    network = Network(Architecture(n_inputs=6, n_classes=3, hidden=(4,)), Images(CLASSES, height=2, width=3))
    network.initialise(np.random.default_rng(0))
    save(network, tmp_path / "model.npz")
    return tmp_path / "model.npz"


def test_every_row_gets_its_own_probabilities_in_every_block(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "BLOCK_ROWS", 8)
    X = np.random.default_rng(1).random((21, 6), dtype=np.float32)
    predictor = load_predictor(model, n_pixels=6)
    reports = []
    P = predictor.probabilities(X, lambda done, total, **_: reports.append((done, total)))
    np.testing.assert_allclose(P, predict_proba(predictor.networks[0], X), rtol=1e-6)
    assert predictor.classes == CLASSES
    assert reports == [(8, 21), (16, 21), (21, 21)]


def test_a_model_of_images_of_another_size_is_refused(model: Path) -> None:
    with pytest.raises(DataError, match="6 pixels, and these have 7"):
        load_predictor(model, n_pixels=7)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:0], lambda data: data[:100], lambda data: data.replace(b"W1", b"Q1")]
)
def test_a_damaged_model_is_refused_with_the_command_that_trains_a_new_one(model: Path, damage) -> None:
    model.write_bytes(damage(model.read_bytes()))
    with pytest.raises(DataError, match="cannot be read") as caught:
        load_predictor(model, n_pixels=6)
    assert caught.value.hint == "pipeline run train --force"


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_predictor(tmp_path / "model.npz", n_pixels=6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_and_weights_that_give_no_probabilities_are_refused(model: Path, value: float) -> None:
    predictor, X = load_predictor(model), np.zeros((3, 6), np.float32)
    X[1, 2] = value
    with pytest.raises(DataError, match="the images hold values that are not finite"):
        predictor.probabilities(X, lambda *_, **__: None)
    predictor.networks[0].parameters[...] = value  # as weights that are finite may give where they are enormous
    with pytest.raises(DataError, match="its weights are damaged"):
        predictor.probabilities(np.zeros((3, 6), np.float32), lambda *_, **__: None)


def test_a_model_whose_images_are_not_as_large_as_its_inputs_is_refused(tmp_path: Path) -> None:
    network = Network(Architecture(n_inputs=6, n_classes=3, hidden=(4,)), Images(CLASSES, height=10**6, width=3))
    network.initialise(np.random.default_rng(0))
    save(network, tmp_path / "model.npz")
    with pytest.raises(DataError, match="1000000 x 3, but 6 inputs"):
        load_predictor(tmp_path / "model.npz")
