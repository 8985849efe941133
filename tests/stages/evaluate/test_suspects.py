"""Confident learning: whose label is suspected, and in which order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.evaluate.suspects import find_suspects


def rows_of(*probabilities: tuple[float, ...]) -> np.ndarray:
    return np.array(probabilities, np.float32)


def test_a_row_is_a_suspect_if_it_belongs_confidently_to_another_class() -> None:
    """Thresholds by hand: class 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1 (0.7 + 0.9) / 2 = 0.8."""
    P = rows_of((0.9, 0.1), (0.8, 0.2), (0.1, 0.9), (0.3, 0.7), (0.1, 0.9))
    found = find_suspects(P, np.array([0, 0, 0, 1, 1]), np.arange(5))
    assert found.positions.tolist() == [2]
    assert found.suggested.tolist() == [1]
    assert found.are_confident.tolist() == [True]


def test_a_label_is_only_in_doubt_below_the_other_classs_threshold() -> None:
    """The last row is predicted as class 1, but less surely than class 1's own rows are: 0.6 < 0.95."""
    P = rows_of((0.9, 0.1), (0.05, 0.95), (0.4, 0.6))
    found = find_suspects(P, np.array([0, 1, 0]), np.arange(3))
    assert found.positions.tolist() == [2]
    assert found.are_confident.tolist() == [False]


def test_the_likeliest_mistake_comes_first_and_equal_ones_by_row_number() -> None:
    P = rows_of(*[(0.9, 0.1)] * 9, *[(0.1, 0.9)] * 9, (0.06, 0.94), (0.01, 0.99), (0.06, 0.94))
    labels = np.array([0] * 9 + [1] * 9 + [0] * 3)
    rows = np.array([*range(18), 90, 91, 30])
    assert find_suspects(P, labels, rows).positions.tolist() == [19, 20, 18]


def test_no_row_belongs_confidently_to_a_class_that_no_label_names() -> None:
    P = rows_of((0.1, 0.2, 0.7), (0.3, 0.6, 0.1), (0.6, 0.3, 0.1))
    found = find_suspects(P, np.array([0, 1, 0]), np.arange(3))
    assert dict(zip(found.suggested.tolist(), found.are_confident.tolist(), strict=True)) == {2: False}


@pytest.mark.filterwarnings("error")
@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 1000))
def test_suspects_differ_from_their_label_and_the_least_probable_is_first(m: int, n_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.ones(n_classes), m).astype(np.float32)
    labels = rng.integers(n_classes, size=m)
    found = find_suspects(P, labels, rng.permutation(m))
    assert (found.suggested != labels[found.positions]).all()
    assert set(found.positions) == set(np.flatnonzero(P.argmax(axis=1) != labels))
    assert (np.diff(P[found.positions, labels[found.positions]]) >= 0).all()
