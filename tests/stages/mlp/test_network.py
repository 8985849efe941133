"""Architecture, initial weights and prediction, and the examples in the docstrings."""

from __future__ import annotations

import copy
import doctest
import importlib
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from stages.mlp import Architecture, Network, predict_proba
from stages.mlp.predict import CHUNK_ROWS


@pytest.mark.parametrize("name", ["network", "predict", "training.fit", "model_file"])
def test_the_examples_in_the_docstrings(name: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(f"stages.mlp.{name}"))
    assert attempted > 0
    assert failed == 0


@pytest.mark.parametrize("again", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])  # noqa: S301 - our own bytes
def test_a_copy_has_the_same_values_and_its_own_views(again: Callable[[Network], Network]) -> None:
    network = Network(Architecture(4, 3, (5,), batch_norm=True), {"deskew": "slant"})
    network.initialise(np.random.default_rng(0))
    network.averages["mean1"].fill(3)
    other = again(network)
    assert (other.architecture, other.images) == (network.architecture, network.images)
    np.testing.assert_array_equal(other.parameters, network.parameters)
    np.testing.assert_array_equal(other.statistics, network.statistics)
    other.parameters.fill(7)
    assert (other.weights["W1"] == 7).all()
    assert not (network.weights["W1"] == 7).any()


def test_parameters_are_one_vector_with_the_weights_first() -> None:
    network = Network(Architecture(4, 3, (5,), batch_norm=True))
    network.parameters[...] = np.arange(len(network.parameters))
    assert list(network.weights) == ["W1", "W2", "b1", "b2", "gamma1", "beta1"]
    np.testing.assert_array_equal(
        np.concatenate([each.ravel() for each in network.weights.values()]), network.parameters
    )


def test_a_parameter_without_an_initial_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(Architecture(4, 3, (5,), batch_norm=True))
    ones = {name for name, values in (network.weights | network.averages).items() if (values == 1).all()}
    assert ones == {"gamma1", "variance1"}
    monkeypatch.setattr(Architecture, "shapes", {"novelty1": (4,)})
    with pytest.raises(KeyError, match="novelty"):
        Network(Architecture(4, 3))


def test_he_weights_keep_the_size_of_what_passes() -> None:
    network = Network(Architecture(400, 10, (300, 200)))
    network.initialise(np.random.default_rng(0))
    X = np.random.default_rng(1).standard_normal((500, 400), dtype=np.float32)
    assert network.logits(X).std() == pytest.approx(1, rel=0.3)


def test_both_dtypes_start_from_the_same_weights() -> None:
    networks = [Network(Architecture(6, 3, dtype=dtype)) for dtype in ("float32", "float64")]
    for network in networks:
        network.initialise(np.random.default_rng(0))
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters.astype(np.float32))


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True, "dropout": 0.5, "activation": "gelu"}])
def test_predictions_do_not_depend_on_threads_and_sum_to_1(settings: dict) -> None:
    network = Network(Architecture(20, 4, (9,), **settings))
    network.initialise(np.random.default_rng(0))
    X = np.random.default_rng(1).random((2 * CHUNK_ROWS + 7, 20), dtype=np.float32)
    one, many = predict_proba(network, X, threads=1), predict_proba(network, X, threads=3)
    np.testing.assert_array_equal(one, many)
    np.testing.assert_allclose(one.sum(axis=1), 1, rtol=1e-5)
    assert predict_proba(network, X[:0]).shape == (0, 4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_large_logits_do_not_overflow(n_classes: int) -> None:
    network = Network(Architecture(1, n_classes, ()))
    network.weights["W1"][0, -1] = 1000  # exp of it is more than float32 holds
    probabilities = predict_proba(network, np.array([[1.0], [-1.0]]))
    expected = [[0, 0, 1], [0.5, 0.5, 0]] if n_classes == 3 else [[0, 1], [1, 0]]
    np.testing.assert_array_equal(probabilities, expected)


@pytest.mark.parametrize("threads", [0, -1])
def test_without_threads_nothing_is_predicted(threads: int) -> None:
    with pytest.raises(ValueError, match="threads must be 1 or more"):
        predict_proba(Network(Architecture(4, 3)), np.ones((2, 4)), threads=threads)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"X must have the shape \(M, 20\)"):
        predict_proba(Network(Architecture(20, 4)), np.zeros((3, 21)))


@pytest.mark.parametrize(
    "wrong", [{"n_classes": 1}, {"hidden": (3, 0)}, {"activation": "rellu"}, {"dropout": 1.0}, {"dtype": "float16"}]
)
def test_an_architecture_that_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Architecture(**{"n_inputs": 4, "n_classes": 3, **wrong})


@pytest.mark.parametrize(
    ("settings", "description"),
    [
        ({}, "784 - 256 - 64 - 10"),
        ({"hidden": ()}, "784 - 10"),
        ({"image": (28, 28)}, "784 - 256 - 64 - 10"),
        (
            {"image": (28, 28), "filters": (16, 32), "hidden": (128,)},
            "28 x 28 - 16 filters of 5 x 5 - 32 filters of 5 x 5 - 128 - 10",
        ),
        (
            {"image": (196, 4), "filters": (1, 2), "kernel": (5, 3), "hidden": (), "n_classes": 2},
            "196 x 4 - 1 filter of 5 x 5 - 2 filters of 3 x 3 - 1",
        ),
        (
            {"image": (28, 28), "filters": (8,), "stride": 1, "pool": 2, "pooling": "average", "hidden": ()},
            "28 x 28 - 8 filters of 5 x 5, average of 2 x 2 - 10",
        ),
    ],
)
def test_an_architecture_is_described_layer_by_layer(settings: dict, description: str) -> None:
    assert Architecture(**{"n_inputs": 784, "n_classes": 10, **settings}).description == description
