"""Training with a worker that is always late: it comes to what the others come to in step."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from one_late import OneLate
from small_trainings import make_network, problem, run

from stages.mlp import Dataset, Recipe, fit

FIT = import_module("stages.mlp.training.fit")  # whose name in the package is the function's
TOGETHER = Recipe(epochs=3, batch_size=32, replicas=3, ema=0.9)
ONE_BY_ONE = Recipe(epochs=3, batch_size=1, replicas=3, optimiser="sgd", schedule="constant")


@pytest.mark.parametrize("late", range(3))
def test_steps_and_validation_wait_for_a_late_worker(late: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = (np.tile(each, (10, 1)) for each in problem())  # four chunks, so that everybody measures some
    expected, expected_history = run(TOGETHER, validation=Dataset(X, Y), parallel="threads")
    monkeypatch.setattr(FIT, "make_group", lambda count, _: OneLate(count, late))
    network, history = run(TOGETHER, validation=Dataset(X, Y))
    assert history == expected_history
    np.testing.assert_array_equal(network.parameters, expected.parameters)
    np.testing.assert_array_equal(network.statistics, expected.statistics)


@pytest.mark.parametrize("late", range(3))
def test_all_workers_stay_until_the_end_with_online_sgd(late: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FIT, "make_group", lambda count, _: OneLate(count, late))
    X, Y = problem()
    assert len(fit(make_network(), Dataset(X[:3], Y[:3]), ONE_BY_ONE).epochs) == 3
