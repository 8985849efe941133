"""Every optimiser lowers a loss, and what it remembers does not become numbers that the processor is slow with."""

from __future__ import annotations

from dataclasses import MISSING, fields

import numpy as np
import pytest

from stages.mlp import Architecture, Network
from stages.mlp.gradient_descent import optimisers
from stages.mlp.gradient_descent.optimisers import OPTIMISERS, Adam, Momentum, Nesterov, Optimiser
from stages.mlp.training.recipe import Recipe

N_STEPS = 3000


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_lowers_a_quadratic_loss(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    curvature, w = rng.uniform(0.5, 2.0, 20), rng.standard_normal(20)
    optimiser = Recipe(optimiser=name).make_update(Network(Architecture(2, 2, ()))).optimiser
    state, work = np.zeros((optimiser.n_states, 20)), np.empty(20)
    first = curvature @ w**2 / 2
    for step in range(1, 301):
        optimiser.update(w, curvature * w, state, work, step, 0.03)
    assert curvature @ w**2 / 2 < first / 100


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_field_of_an_optimiser_is_a_field_of_the_recipe_and_has_its_default_only_there(name: str) -> None:
    assert {field.name for field in fields(OPTIMISERS[name])} <= {field.name for field in fields(Recipe)}
    assert all(field.default is MISSING for field in fields(OPTIMISERS[name]))


def run(optimiser: Optimiser) -> tuple[np.ndarray, int]:
    """The weights after a few steps with gradients and many without, and how often a denormal number was kept."""
    rng = np.random.default_rng(0)
    w, work = rng.standard_normal((2, 50)).astype(np.float32)
    state = np.zeros((optimiser.n_states, 50), np.float32)
    least, n_denormal = np.finfo(np.float32).tiny, 0
    for step in range(1, N_STEPS + 1):
        g = rng.standard_normal(50).astype(np.float32) * (step < 10)
        optimiser.update(w, g, state, work, step, 1e-3)
        n_denormal += int(np.count_nonzero((state != 0) & (np.abs(state) < least)))
    return w, n_denormal


@pytest.mark.parametrize("optimiser", [Momentum(0.9), Nesterov(0.9), Adam(0.9, 0.95, 1e-8), Adam(0.8, 0.99, 1e-8)])
def test_averages_of_gradients_that_have_become_0_do_not_become_denormal(
    optimiser: Optimiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared, n_denormal = run(optimiser)
    assert n_denormal == 0
    monkeypatch.setattr(optimisers, "FLUSH_EVERY", 2 * N_STEPS)
    kept, n_denormal = run(optimiser)
    assert n_denormal > 0
    np.testing.assert_array_equal(cleared, kept)


def test_averages_that_are_far_from_denormal_are_kept() -> None:
    v = np.array([[1e-20, -1e-30]], np.float32)
    optimisers.flush_denormals(v[0], 0.9, np.empty(2, np.float32), optimisers.FLUSH_EVERY)
    assert v.all()
