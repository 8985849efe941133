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


def test_a_mistake_below_the_other_classs_threshold_is_none() -> None:
    """The last row is predicted as class 1, but less surely than class 1's own rows are: 0.6 < 0.95."""
    P = rows_of((0.9, 0.1), (0.05, 0.95), (0.4, 0.6))
    assert find_suspects(P, np.array([0, 1, 0]), np.arange(3)).positions.tolist() == []


def test_the_likeliest_mistake_comes_first_and_equal_ones_by_row_number() -> None:
    P = rows_of(*[(0.9, 0.1)] * 9, *[(0.1, 0.9)] * 9, (0.06, 0.94), (0.01, 0.99), (0.06, 0.94))
    labels = np.array([0] * 9 + [1] * 9 + [0] * 3)
    rows = np.array([*range(18), 90, 91, 30])
    assert find_suspects(P, labels, rows).positions.tolist() == [19, 20, 18]


def test_no_row_is_suspected_of_a_class_that_no_label_names() -> None:
    P = rows_of((0.1, 0.2, 0.7), (0.3, 0.6, 0.1), (0.6, 0.3, 0.1))
    assert 2 not in find_suspects(P, np.array([0, 1, 0]), np.arange(3)).suggested


@pytest.mark.filterwarnings("error")
@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 1000))
def test_suspects_are_suggested_another_class_and_are_ordered_by_margin(m: int, n_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.ones(n_classes), m).astype(np.float32)
    labels = rng.integers(n_classes, size=m)
    found = find_suspects(P, labels, rng.permutation(m))
    assert (found.suggested != labels[found.positions]).all()
    margin = P[found.positions, labels[found.positions]] - P[found.positions, found.suggested]
    assert (np.diff(margin) >= -1e-6).all()
