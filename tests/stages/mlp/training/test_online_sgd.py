"""The tutorial's way, one row at a time: its initial weights, its formulas, its weights after 500 steps."""

from __future__ import annotations

import numpy as np
import pytest

from stages.mlp import Architecture, Dataset, Network, Recipe, RunOptions, fit
from stages.mlp.layers.dense import Dense
from stages.mlp.parallel.threads import Threads
from stages.mlp.training.data.shuffling import epoch_rng
from stages.mlp.training.epoch_loop import EpochLoop
from stages.mlp.training.online_sgd import BLOCK_ROWS, OnlineSGD, suits_online
from stages.mlp.training.training_state import TrainingState

SEED = Recipe(epochs=1, batch_size=1, optimiser="sgd", learning_rate=0.01, schedule="constant")


def rows(m: int, n: int = 784, n_classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Images of which a fifth of the pixels is not black."""
    rng = np.random.default_rng(0)
    return rng.random((m, n)) * (rng.random((m, n)) < 0.2), np.eye(n_classes)[rng.integers(0, n_classes, m)]


def transcription(network: Network, X: np.ndarray, Y: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
    """SEED.md's formulas, float64, columns are examples: [W1, b1, W2, b2, ...] after the rows of ``order``."""
    L = network.architecture.n_layers
    W = [network.weights[f"W{i}"].T.copy() for i in range(1, L + 1)]  # (n_out, n_in)
    b = [network.weights[f"b{i}"][:, None].copy() for i in range(1, L + 1)]
    for index in order:
        A = [X[index][:, None]]
        for i in range(L):
            Z = W[i] @ A[i] + b[i]
            A.append(np.exp(Z) / np.exp(Z).sum(axis=0) if i == L - 1 else np.maximum(Z, 0))
        dZ = A[-1] - Y[index][:, None]
        for i in range(L - 1, -1, -1):
            dW, db, dA = dZ @ A[i].T / 1, dZ.mean(axis=1, keepdims=True), W[i].T @ dZ
            W[i] -= 0.01 * dW
            b[i] -= 0.01 * db
            dZ = dA * (A[i] > 0)
    return [values for pair in zip(W, b, strict=True) for values in pair]


@pytest.mark.parametrize("hidden", [(256, 64), (), (20, 15, 12)])
def test_the_weights_after_500_steps_are_the_tutorials_to_1e_10(hidden: tuple[int, ...]) -> None:
    X, Y = rows(500)
    network = Network(Architecture(784, 10, hidden, dtype="float64"))
    network.initialise(np.random.default_rng(1), "tutorial")
    expected = transcription(network, X, Y, epoch_rng(0, 1).permutation(500))
    fit(network, Dataset(X, Y), SEED)
    for i in range(network.architecture.n_layers):
        np.testing.assert_allclose(network.weights[f"W{i + 1}"].T, expected[2 * i], rtol=0, atol=1e-10)
        np.testing.assert_allclose(network.weights[f"b{i + 1}"], expected[2 * i + 1][:, 0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("activation", ["relu", "gelu", "sigmoid"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_online_sgd_agrees_with_mini_batches_of_one_row(
    activation: str, n_classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, Y = rows(BLOCK_ROWS * 2 + 5, 12, n_classes)
    architecture = Architecture(12, n_classes, (7, 6), activation, dtype="float64")
    recipe = Recipe(epochs=2, batch_size=1, optimiser="sgd", learning_rate=0.1, label_smoothing=0.1, replicas=2)
    networks, losses = [], []
    for is_online in (True, False):
        network = Network(architecture)
        network.initialise(np.random.default_rng(1))
        training = TrainingState(network, recipe, Dataset(X, Y))
        told: list[tuple] = []
        monkeypatch.setattr("stages.mlp.training.epoch_loop.suits_online", lambda *_: is_online)  # noqa: B023 - called within the loop
        group = Threads(2)
        options = RunOptions(on_step=lambda *said: told.append(said))  # noqa: B023 - likewise
        loop = EpochLoop(training, group, options=options)
        assert isinstance(loop.make_trainer(0), OnlineSGD) == is_online
        group.run(loop.run)
        networks.append(network)
        losses.append(told)
    np.testing.assert_allclose(networks[0].parameters, networks[1].parameters, rtol=0, atol=1e-12)
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-10)


def test_online_sgd_is_used_only_for_plain_sgd_with_mini_batches_of_one_row() -> None:
    X, Y = rows(3, 5, 3)
    network = Network(Architecture(5, 3))
    group = Threads(1)

    def is_used(recipe: Recipe) -> bool:
        loop = EpochLoop(TrainingState(network, recipe, Dataset(X, Y)), group, options=RunOptions())
        return isinstance(loop.make_trainer(0), OnlineSGD)

    assert is_used(SEED)
    for other in ({"momentum": 0.9, "optimiser": "momentum"}, {"batch_size": 2}, {"clip_norm": 1.0}, {"ema": 0.5}):
        assert not is_used(Recipe(**{"batch_size": 1, "optimiser": "sgd", **other}))


@pytest.mark.parametrize(
    ("architecture", "recipe"),
    [
        ({"dropout": 0.1}, {}),
        ({"batch_norm": True}, {}),
        ({"filters": (2,), "image": (3, 4)}, {}),
        ({}, {"weight_decay": 0.1}),
        ({}, {"optimiser": "adam"}),
    ],
)
def test_online_sgd_is_not_used_with_settings_that_it_does_not_support(architecture: dict, recipe: dict) -> None:
    plain = {"batch_size": 1, "optimiser": "sgd"}
    assert suits_online(Network(Architecture(12, 3)), Recipe(**plain))
    assert not suits_online(Network(Architecture(12, 3, **architecture)), Recipe(**plain | recipe))


def test_online_sgd_is_not_used_for_other_kinds_of_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    class ScaledDense(Dense):
        pass

    network = Network(Architecture(12, 3))
    assert suits_online(network, SEED)
    monkeypatch.setattr("stages.mlp.layer_list.Dense", ScaledDense)
    assert not suits_online(network, SEED)


def test_rows_that_are_to_be_warped_are_warped_with_batches_of_one_too() -> None:
    X, Y = rows(5, 12, 3)
    warped: list[int] = []

    class Recorder:
        def warp(self, X: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:  # noqa: ARG002 - it draws nothing
            warped.append(len(X))
            out[...] = X

    network = Network(Architecture(12, 3, (5,)))
    network.initialise(np.random.default_rng(0))
    recipe = Recipe(epochs=2, batch_size=1, optimiser="sgd", replicas=1)
    fit(network, Dataset(X, Y), recipe, augment=Recorder)
    assert warped == [1] * 10


def test_the_tutorials_initial_weights() -> None:
    network = Network(Architecture(784, 10, (256, 64), dtype="float64"))
    network.initialise(np.random.default_rng(0), "tutorial")
    for name, deviation in {"W1": 0.1, "W2": (2 / 256) ** 0.5, "W3": 0.1}.items():
        assert network.weights[name].std() == pytest.approx(deviation, rel=0.1)
        assert abs(network.weights[name].mean()) < 0.02
    assert not network.weights["b1"].any()


def test_on_step_gets_the_loss_before_the_step() -> None:
    X, Y = rows(4, 6, 3)
    network = Network(Architecture(6, 3, (5,), dtype="float64"))
    network.initialise(np.random.default_rng(0))
    Z = network.logits(X[epoch_rng(0, 1).permutation(4)[:1]])
    y = Y[epoch_rng(0, 1).permutation(4)[:1]]
    expected = float(np.log(np.exp(Z).sum()) - (Z * y).sum())
    told: list[float] = []
    fit(network, Dataset(X, Y), SEED, options=RunOptions(on_step=lambda *said: told.append(said[2])))
    assert told[0] == pytest.approx(expected, rel=1e-12)
    assert len(told) == 4
