"""What a training allocates: next to nothing within a step, once it has begun."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from stages.mlp import Architecture, Dataset, Network, Recipe, RunOptions, fit


def allocated_in_steps(X: np.ndarray, settings: dict) -> list[int]:
    """Bytes that each step allocates at its peak."""
    rng = np.random.default_rng(0)
    Y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, len(X))]
    network = Network(Architecture(784, 10, **settings))
    network.initialise(rng)
    peaks: list[int] = []

    def measure(*_: object) -> None:
        current, peak = tracemalloc.get_traced_memory()
        peaks.append(peak - before[-1])
        before.append(current)
        tracemalloc.reset_peak()

    tracemalloc.start()
    before = [0]
    recipe = Recipe(epochs=1, batch_size=128, optimiser="adam")
    fit(network, Dataset(X, Y), recipe, options=RunOptions(on_step=measure))
    tracemalloc.stop()
    return peaks


CONVOLUTIONS = {"hidden": (32,), "filters": (4, 8), "image": (28, 28), "batch_norm": True, "dropout": 0.2}
POOLED = {"hidden": (32,), "filters": (4,), "stride": 1, "pool": 2, "image": (28, 28)}


@pytest.mark.parametrize("settings", [{"hidden": (256, 64)}, {"hidden": (1024, 512)}, CONVOLUTIONS, POOLED])
def test_a_step_allocates_next_to_nothing(settings: dict) -> None:
    X = np.random.default_rng(0).random((640, 784), dtype=np.float32)
    assert max(allocated_in_steps(X, settings)[1:]) < 18 * 1024


def test_a_table_stored_column_by_column_is_copied_once_and_not_in_every_step() -> None:
    X = np.asfortranarray(np.random.default_rng(0).random((640, 784), dtype=np.float32))
    assert max(allocated_in_steps(X, {"hidden": (16,)})[1:]) < 18 * 1024
