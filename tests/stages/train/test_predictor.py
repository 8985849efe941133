"""A trained network at work: the same answers in blocks as at once, and clear errors for a file that is none."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import DataError
from stages.images.deskew import deskewed
from stages.images.model_images import Images
from stages.mlp import Architecture, Network, load, predict_proba, save, save_ensemble
from stages.train import predictor as inference
from stages.train.predictor import load_predictor

CLASSES = (3, 7, 20)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    network = Network(Architecture(n_inputs=6, n_classes=3, hidden=(4,)), asdict(Images(CLASSES, height=2, width=3)))
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


def saved_with(model: Path, **images: object) -> Path:
    """The model's file, which says other things of its images."""
    network = load(model)
    network.images |= images
    save(network, model)
    return model


@pytest.mark.parametrize(
    "images",
    [
        {"classes": ["a", "b"]},
        {"classes": ["a", "b", "b"]},
        {"classes": ["a", "b", 3]},
        {"classes": [1, 2, True]},
        {"classes": [0.5, 1.5, 2.5]},
        {"classes": ["a", "b", ["<script>"]]},
        {"classes": ["a", "b", {"c": 1}]},
        {"classes": [None, None, None]},
        {"classes": "abc"},
        {"classes": 3},
        {"classes": ["a", "b", "\ud800"]},
        {"classes": [1, 2, 10**30]},
        {"height": 10**18},
        {"height": -2, "width": -3},
        {"height": 1.5, "width": 4},
        {"height": float("nan")},
        {"offset": float("nan")},
        {"offset": "<b>"},
        {"scale": float("inf")},
        {"scale": 0},
        {"scale": 10**1000},
        {"deskew": ["none"]},
        {"deskew": "<script>"},
        {"surprise": 1},
        {"height": "\n" * 100_000},
    ],
)
def test_what_a_model_says_of_its_images_is_checked(model: Path, images: dict) -> None:
    with pytest.raises(DataError, match="the model cannot be read") as caught:
        load_predictor(saved_with(model, **images))
    assert len(caught.value.what) < 400


NUMBERS = [True, False, -1, 0, 1, 2, 6, 2**31 - 1, 10**18, 10**400, 0.5, float("nan"), float("inf")]
OTHERS = [None, "", "none", "\ud800", [], [1], [[]], [1, 2, 3], [None], {}, {"a": 1}]


@pytest.mark.parametrize("name", ["classes", "height", "width", "offset", "scale", "deskew"])
@pytest.mark.parametrize("value", [*NUMBERS, *OTHERS])
def test_any_such_value_gives_one_error_or_a_model_that_predicts(model: Path, name: str, value: object) -> None:
    try:
        predictor = load_predictor(saved_with(model, **{name: value}))
    except DataError:
        return
    assert np.isfinite(predictor.each(np.ones((2, 6), np.float32), [0])).all()


@pytest.mark.parametrize("name", ["classes", "height", "width", "offset", "scale", "deskew"])
def test_a_model_must_say_everything_of_its_images(model: Path, name: str) -> None:
    network = load(model)
    del network.images[name]
    save(network, model)
    with pytest.raises(DataError, match=f"missing or wrong: there is no {name}"):
        load_predictor(model)


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        ({"height": 10**6}, "images of 1000000 x 3, but 6 inputs"),
        ({"height": 2**31}, "images of 2147483648 x 3 have no pixels"),
        ({"classes": ["a", "b"]}, "it names 2 of 3 classes"),
    ],
)
def test_a_model_whose_images_do_not_fit_its_network_is_refused(model: Path, images: dict, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        load_predictor(saved_with(model, **images))


def test_networks_of_different_images_are_refused(model: Path) -> None:
    networks = [load(model), load(model)]
    networks[1].images["classes"] = (3, 7, 21)
    save_ensemble(networks, model)
    with pytest.raises(DataError, match="do not know the same images"):
        load_predictor(model)


def test_each_network_gets_its_images_deskewed_in_its_own_way(model: Path) -> None:
    networks = [load(model), load(model)]
    networks[1].images["deskew"] = "slant_and_width"
    save_ensemble(networks, model)
    X = np.random.default_rng(1).random((5, 6), dtype=np.float32)
    plain, even = load_predictor(model).each(X, [0, 1])
    np.testing.assert_array_equal(plain, predict_proba(networks[0], X))
    np.testing.assert_array_equal(even, predict_proba(networks[0], deskewed(X, 2, 3, "slant_and_width")))
    assert np.abs(even - plain).max() > 0.01


@pytest.mark.parametrize("classes", [(False, True), (0, True), (np.True_, np.False_), (0.0, 1.0), (1, "b")])
def test_classes_that_are_not_whole_numbers_or_texts_are_refused(classes: tuple) -> None:
    with pytest.raises(ValueError, match="classes"):
        Images(classes, 2, 2)
    assert Images(tuple(np.array([-1, 2**63 - 1])), 2, 2)
