"""A wide first layer leaves out inputs that are 0 in all rows, and finds what a plain layer finds."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from stages.mlp import Architecture, Network, Recipe, fit
from stages.mlp.layers.dense import Dense
from stages.mlp.layers.wide_first import LEAST_OUTPUTS, WideFirst
from stages.mlp.parallel.replicas import Shard, Threads
from stages.mlp.training import step
from stages.mlp.training.step import make_layers

M, N_IN, N_OUT = 6, 8, 3
SHARES_ALIVE = [0.5, 0.0, 1.0, 0.1, 0.5]  # of the inputs, batch after batch


def found(layer: Dense, order: Literal["C", "F"]) -> list[np.ndarray]:
    """Y, dW and db of batches whose inputs are alive now and dead then."""
    rng = np.random.default_rng(1)
    results = []
    for share in SHARES_ALIVE:
        X = np.array(rng.standard_normal((M, N_IN)) * (rng.random(N_IN) < share), order=order)
        dY = rng.standard_normal((M, N_OUT))
        with Threads(len(layer.terms)) as team:

            def work(index: int) -> None:
                shard = Shard(index, M, team)
                layer.forward(X, shard)  # noqa: B023
                layer.backward(dY, shard)  # noqa: B023
                layer.gradient(shard)

            team.run(work)
        results += [layer.Y.copy(), layer.dW.copy(), layer.db.copy()]
    return results


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shards", [1, 2, 3])
def test_it_finds_what_a_dense_layer_finds_whatever_is_alive(shards: int, order: Literal["C", "F"]) -> None:
    W, b = np.random.default_rng(0).standard_normal((N_IN, N_OUT)), np.arange(N_OUT, dtype=float)
    plain, wide = ([np.full_like(W, np.nan), np.full_like(b, np.nan)] for _ in range(2))  # what is not written, is seen
    expected = found(Dense(M, W, b, *plain, first=True, gathers=True, shards=shards), order)
    for here, there in zip(found(WideFirst(M, W, b, *wide, shards=shards), order), expected, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12, atol=1e-12)


def test_it_multiplies_only_what_is_alive() -> None:
    W = np.full((N_IN, N_OUT), np.inf)
    W[:2] = 1
    X = np.zeros((M, N_IN))
    X[:, :2] = 1
    layer = WideFirst(M, W, np.zeros(N_OUT), np.zeros_like(W), np.zeros(N_OUT))
    with Threads(1) as team:
        assert layer.forward(X, Shard(0, M, team)).tolist() == [[2.0] * N_OUT] * M  # where 0 times inf would be nan


@pytest.mark.parametrize(
    ("hidden", "n_classes", "is_wide"),
    [
        ((LEAST_OUTPUTS,), 3, True),
        ((LEAST_OUTPUTS - 1,), 3, False),
        ((4, LEAST_OUTPUTS), 3, False),
        ((), LEAST_OUTPUTS, False),  # the last layer, which is divided otherwise
    ],
)
def test_only_a_wide_first_layer_is_one(hidden: tuple[int, ...], n_classes: int, *, is_wide: bool) -> None:
    network = Network(Architecture(4, n_classes, hidden))
    layers = make_layers(2, network, np.empty_like(network.parameters))
    assert [isinstance(layer, WideFirst) for layer in layers if isinstance(layer, Dense)] == [
        is_wide,
        *[False] * len(hidden),
    ]


def test_training_comes_to_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((100, 30)) * (rng.random((100, 30)) < 0.02)
    Y = np.eye(3)[rng.integers(0, 3, 100)]
    weights = []
    for least in (1, 1000):
        monkeypatch.setattr(step, "LEAST_OUTPUTS", least)
        network = Network(Architecture(30, 3, (8,), dtype="float64"))
        network.initialise(np.random.default_rng(0))
        fit(network, X, Y, Recipe(epochs=3, batch_size=16, shards=2))
        weights.append(network.parameters)
    np.testing.assert_allclose(*weights, rtol=0, atol=1e-10)
