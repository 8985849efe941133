"""Layers shared between workers: each touches only its own columns, and dense layers wait where they must."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from stages.mlp.activations import ReLU
from stages.mlp.layers import BatchNorm, Dense, Dropout, Layer
from stages.mlp.team import Shard, Threads

M, N_IN, N_OUT, SHARDS = 7, 5, 4, 3


def make_dense(**options: bool) -> Dense:
    W, b = np.random.default_rng(0).standard_normal((N_IN, N_OUT)), np.arange(N_OUT, dtype=float)
    return Dense(M, W, b, np.zeros_like(W), np.zeros_like(b), shards=SHARDS, **options)


def in_team(work: Callable[[Shard], None]) -> None:
    with Threads(SHARDS) as team:
        shards = [Shard(index, M, team) for index in range(SHARDS)]
        team.run(lambda index: work(shards[index]))


@pytest.mark.parametrize("late", range(SHARDS))
@pytest.mark.parametrize("gathers", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_a_dense_layer_waits_for_whoever_is_late(late: int, *, gathers: bool, last: bool) -> None:
    rng = np.random.default_rng(1)
    inputs, dY = rng.standard_normal((M, N_IN)), rng.standard_normal((M, N_OUT))
    layer = make_dense(gathers=gathers, last=last)
    X, made, handed, dX = np.full((M, N_IN), np.nan), np.zeros((M, N_OUT)), np.full((M, N_OUT), np.nan), []

    def work(shard: Shard) -> None:
        def mine(n: int, *, by_rows: bool) -> tuple[slice, slice]:
            return (shard.rows, slice(None)) if by_rows else (slice(None), shard.part(n))

        def dawdle() -> None:
            time.sleep(0.02 * (shard.index == late))

        dawdle()
        before = mine(N_IN, by_rows=gathers)
        X[before] = inputs[before]
        Y = layer.forward(X, shard)
        after = mine(N_OUT, by_rows=last)
        made[after] = Y[after]
        dawdle()
        handed[after] = dY[after]
        found = layer.backward(handed, shard)
        dX.append((before, found[before].copy()))
        layer.gradient(shard)

    in_team(work)
    np.testing.assert_allclose(made, inputs @ layer.W + layer.b)
    for part, found in dX:
        np.testing.assert_allclose(found, (dY @ layer.W.T)[part])
    assert sum(found.size for _, found in dX) == M * N_IN
    np.testing.assert_allclose(layer.dW, inputs.T @ dY)
    np.testing.assert_allclose(layer.db, dY.sum(axis=0))


def make_batch_norm() -> BatchNorm:
    return BatchNorm(M, *np.random.default_rng(0).standard_normal((2, N_IN)), *np.zeros((3, N_IN)), np.ones(N_IN))


@pytest.mark.parametrize(
    "make", [make_batch_norm, lambda: ReLU(M, N_IN, np.float64), lambda: Dropout(M, N_IN, 0.5, np.float64)]
)
def test_other_layers_leave_the_columns_of_others_alone(make: Callable[[], Layer]) -> None:
    shard = Shard(1, M, Threads(SHARDS))
    part = shard.part(N_IN)
    others = np.setdiff1d(np.arange(N_IN), np.arange(N_IN)[part])
    layer = make()
    before = np.random.default_rng(1).standard_normal((2, M, N_IN))
    X, dY = before.copy()
    Y = layer.forward(X, shard)
    dX = layer.backward(dY, shard)
    np.testing.assert_array_equal(X[:, others], before[0][:, others])
    np.testing.assert_array_equal(dY[:, others], before[1][:, others])
    assert not np.array_equal(Y[:, part], before[0][:, part])
    assert not np.array_equal(dX[:, part], before[1][:, part])
