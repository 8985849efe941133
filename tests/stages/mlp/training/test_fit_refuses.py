"""What training refuses, before anything is trained: rows, recipes and options that mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
from small_trainings import RECIPE, M, make_network, run

from stages.mlp import Architecture, Dataset, Network, Recipe, fit


@pytest.mark.parametrize(
    ("X", "Y", "message"),
    [
        (np.zeros((4, 19), np.float32), np.eye(3)[[0] * 4], "X must have the shape"),
        (np.zeros((0, 20), np.float32), np.zeros((0, 3)), "X must have the shape"),
        (np.zeros((4, 20), np.uint8), np.eye(3)[[0] * 4], "X must be of float32"),
        (np.zeros((4, 20), np.float32), np.eye(4), "Y must have the shape"),
        (np.zeros((3, 20), np.float32), np.diag([1.0, 1.0, 0.0]), "every row of Y must be one-hot.*row 2 is"),
        (np.zeros((3, 20), np.float32), np.diag([1.0, 255.0, 1.0]), "row 1 is"),
        (np.zeros((3, 20), np.float32), np.array([[2, -1, 0], [0, 1, 0], [0, 0, 1]]), "row 0 is"),
        (np.zeros((3, 20), np.float32), np.diag([1.0, np.nan, 1.0]), "row 1 is"),
        (np.zeros((3, 20), np.float32), np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 0, 1]]), "row 1 is"),
        (np.zeros((3, 20), np.float32), np.array([[0, 1, 0], [1, 0, 0], [0, 1, 1]]), "row 2 is"),
    ],
)
def test_rows_that_do_not_fit_are_refused(X: np.ndarray, Y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(make_network(), Dataset(X, Y), RECIPE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"optimiser": "adamm"},
        {"schedule": "cycle"},
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"ema": 1.0},
        {"patience": 0},
        {"keep": "first"},
        {"patience": 2, "keep": "last"},
        {"weight_decay": -1.0},
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Recipe(**wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": np.array([0, M])}, f"row {M}; they go from 0 to {M - 1}"),
        ({"rows": np.array([0, -1])}, "row -1"),
        ({"rows": np.ones(M, bool)}, "of a mask, take np.flatnonzero"),
        ({"rows": np.zeros((2, 2), int)}, "whole numbers"),
        ({"parallel": "thread"}, "parallel must be one of processes, threads, not 'thread'"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(**options)


@pytest.mark.parametrize(("batch_size", "replicas"), [(1, 1), (3, 2), (7, 4)])
def test_single_rows_are_refused_for_batch_normalisation_after_a_dense_layer(batch_size: int, replicas: int) -> None:
    def train(batch_size: int, **settings: object) -> None:
        run(Recipe(epochs=1, batch_size=batch_size, replicas=replicas), settings)

    with pytest.raises(ValueError, match=f"batch_size must be at least {2 * replicas}, not {batch_size}"):
        train(batch_size, batch_norm=True)
    train(batch_size)
    train(2 * replicas, batch_norm=True)  # some replicas get a single row of the last mini-batch, or none


def test_a_network_with_zero_weights_is_refused_unless_it_has_one_layer() -> None:
    data = Dataset(np.ones((4, 2)), np.eye(2)[[0, 1, 0, 1]])
    with pytest.raises(ValueError, match="initialise"):
        fit(Network(Architecture(2, 2, (3,))), data, Recipe(epochs=1))
    fit(Network(Architecture(2, 2, ())), data, Recipe(epochs=1))
