"""What a training allocates: next to nothing within a step, once it has begun."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from every_layer import ARCHITECTURES

from stages.mlp import Architecture, Dataset, Network, Recipe, RunOptions, fit

MOST = 18 * 1024  # bytes, with float32; every array of a batch takes more


def allocated_in_steps(X: np.ndarray, architecture: Architecture, replicas: int = 2, epochs: int = 1) -> list[int]:
    """Bytes that each step allocates at its peak, in the first replica.

    Of two trainings the smaller number: another thread of the process that runs the tests may allocate at any moment.
    """
    return list(map(min, *(measure_training(X, architecture, replicas, epochs) for _ in range(2))))


def measure_training(X: np.ndarray, architecture: Architecture, replicas: int, epochs: int) -> list[int]:
    rng = np.random.default_rng(0)
    n_classes = architecture.n_classes
    Y = np.eye(n_classes, dtype=np.float32)[rng.integers(0, n_classes, len(X))]
    network = Network(architecture)
    network.initialise(rng)
    peaks: list[int] = []

    def measure(*_: object) -> None:
        current, peak = tracemalloc.get_traced_memory()
        peaks.append(peak - before[-1])
        before.append(current)
        tracemalloc.reset_peak()

    tracemalloc.start()
    before = [0]
    recipe = Recipe(epochs=epochs, batch_size=128, optimiser="adam", replicas=replicas)
    fit(network, Dataset(X, Y), recipe, options=RunOptions(on_step=measure))
    tracemalloc.stop()
    return peaks


CONVOLUTIONS = {"hidden": (32,), "filters": (4, 8), "image": (28, 28), "batch_norm": True, "dropout": 0.2}
POOLED = {"hidden": (32,), "filters": (4,), "stride": 1, "pool": 2, "image": (28, 28)}


@pytest.mark.parametrize("settings", [{"hidden": (256, 64)}, {"hidden": (1024, 512)}, CONVOLUTIONS, POOLED])
def test_a_step_allocates_next_to_nothing(settings: dict) -> None:
    X = np.random.default_rng(0).random((640, 784), dtype=np.float32)
    assert max(allocated_in_steps(X, Architecture(784, 10, **settings))[1:]) < MOST


def test_the_buffers_of_the_smaller_last_mini_batch_are_kept_for_the_next_epoch() -> None:
    X = np.random.default_rng(0).random((300, 784), dtype=np.float32)
    first, _, last, *next_epoch = allocated_in_steps(X, Architecture(784, 10, **CONVOLUTIONS), epochs=2)
    assert min(first, last) > MOST
    assert max(next_epoch) < MOST


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_no_layer_allocates_in_a_step(architecture: Architecture) -> None:
    wide = {"hidden": (256,) * len(architecture.hidden), "filters": (16,) * len(architecture.filters)}
    X = np.random.default_rng(0).random((256, architecture.n_inputs), dtype=np.float32)
    n_float32 = np.dtype(architecture.dtype).itemsize // 4
    assert max(allocated_in_steps(X, replace(architecture, **wide), replicas=1)[1:]) < n_float32 * MOST


def test_a_table_stored_column_by_column_is_copied_once_and_not_in_every_step() -> None:
    X = np.asfortranarray(np.random.default_rng(0).random((640, 784), dtype=np.float32))
    assert max(allocated_in_steps(X, Architecture(784, 10, hidden=(16,)))[1:]) < MOST
