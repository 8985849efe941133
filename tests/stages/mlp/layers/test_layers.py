"""Layers shared between workers: each touches only its own columns, and waits where it needs those of others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from one_late import OneLate

from stages.mlp.layers.activations import ReLU
from stages.mlp.layers.convolution import Convolution, FeatureMaps
from stages.mlp.layers.dense import BatchNorm, Dense, Dropout, Layer
from stages.mlp.layers.wide_first import WideFirst
from stages.mlp.parallel.replicas import Shard, Threads
from stages.mlp.parallel.team import Team

M, N_IN, N_OUT, SHARDS = 7, 5, 4, 3
MAPS = FeatureMaps(4, 3, 5)

Division = Callable[[Shard], tuple[slice, slice]]  # the rows and columns of an array that are a worker's own


def by_rows(shard: Shard) -> tuple[slice, slice]:
    return shard.rows, slice(None)


def by_channels(shard: Shard, n_channels: int, places: int = 1) -> tuple[slice, slice]:
    part = shard.part(n_channels)
    return slice(None), slice(part.start * places, part.stop * places)


def make_dense(shards: int, **options: bool) -> tuple[Dense, Division, Division]:
    """A layer, and how its inputs and outputs are divided."""
    W, b = np.random.default_rng(0).standard_normal((N_IN, N_OUT)), np.arange(N_OUT, dtype=float)
    layer = Dense(M, W, b, np.zeros_like(W), np.zeros_like(b), shards=shards, **options)
    before = by_rows if options["gathers"] else partial(by_channels, n_channels=N_IN)
    return layer, before, by_rows if options["last"] else partial(by_channels, n_channels=N_OUT)


def make_wide_first(shards: int) -> tuple[Dense, Division, Division]:
    """The same for a first layer that leaves out what is 0."""
    W, b = np.random.default_rng(0).standard_normal((N_IN, N_OUT)), np.arange(N_OUT, dtype=float)
    layer = WideFirst(M, W, b, np.zeros_like(W), np.zeros_like(b), shards=shards)
    return layer, by_rows, partial(by_channels, n_channels=N_OUT)


def make_convolution(shards: int, *, first: bool) -> tuple[Convolution, Division, Division]:
    """The same for a convolution."""
    W, b = np.random.default_rng(0).standard_normal((MAPS.channels * 3**2, N_OUT)), np.arange(N_OUT, dtype=float)
    layer = Convolution(M, MAPS, 3, 2, W, b, np.zeros_like(W), np.zeros_like(b), first=first, shards=shards)
    before = by_rows if first else partial(by_channels, n_channels=MAPS.channels, places=MAPS.places)
    return layer, before, partial(by_channels, n_channels=N_OUT, places=layer.maps_out.places)


def taken_through(
    make: Callable[[int], tuple[Dense | Convolution, Division, Division]], team: Team
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Y, dX, dW and db, when every worker hands in, and takes, only its own parts of X, Y, dY and dX."""
    layer, before, after = make(team.count)
    rng, n_in = np.random.default_rng(1), MAPS.size if isinstance(layer, Convolution) else N_IN
    X, dY = rng.standard_normal((M, n_in)), rng.standard_normal(layer.Y.shape)
    if isinstance(layer, WideFirst):
        X[1:, ::2] = 0  # alive, all of it, in the first worker's rows only
        X[:, 1] = 0
    X_handed, dY_handed = np.full_like(X, np.nan), np.full_like(dY, np.nan)
    Y, dX = np.zeros_like(dY), np.zeros_like(X)

    def work(index: int) -> None:
        shard = Shard(index, M, team)
        mine_before, mine_after = before(shard), after(shard)
        X_handed[mine_before] = X[mine_before]
        Y[mine_after] = layer.forward(X_handed, shard)[mine_after]
        dY_handed[mine_after] = dY[mine_after]
        found = layer.backward(dY_handed, shard)
        if not layer.first:
            dX[mine_before] = found[mine_before]
        layer.gradient(shard)

    with team:
        team.run(work)
    return Y, dX, layer.dW, layer.db


@pytest.mark.parametrize("late", range(SHARDS))
@pytest.mark.parametrize(
    "make",
    [
        *(partial(make_dense, gathers=gathers, last=last) for gathers in (True, False) for last in (True, False)),
        *(partial(make_convolution, first=first) for first in (True, False)),
        partial(make_wide_first),
    ],
    ids=lambda make: "-".join([make.func.__name__, *(name for name, is_so in make.keywords.items() if is_so)]),
)
def test_a_layer_waits_for_whoever_is_late(
    make: Callable[[int], tuple[Dense | Convolution, Division, Division]], late: int
) -> None:
    for shared, whole in zip(taken_through(make, OneLate(SHARDS, late)), taken_through(make, Threads(1)), strict=True):
        np.testing.assert_allclose(shared, whole, rtol=1e-9, atol=1e-12)


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
