"""The shares of changes in a movement: by hand, and what must hold for any figures."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.explain.shapley_shares import MOST_IN_EVERY_ORDER, Made, corners, orders_of, over_seeds, shares

FIGURES = st.floats(-100, 100, allow_nan=False)


def made(*numbers: int) -> Made:
    return frozenset(numbers)


def test_what_two_changes_do_together_is_divided_between_them() -> None:
    """Alone they add 1 and 2, together 7: the 4 that neither does alone are divided equally."""
    values = {made(): 10.0, made(0): 11.0, made(1): 12.0, made(0, 1): 17.0}
    assert shares(values, orders_of(2)) == [3.0, 4.0]


@given(st.integers(1, 6), st.data())
def test_the_shares_sum_to_the_movement(n: int, data: st.DataObject) -> None:
    orders = orders_of(n)
    values = {each: data.draw(FIGURES) for each in corners(orders)}
    moved = values[frozenset(range(n))] - values[made()]
    assert sum(shares(values, orders)) == pytest.approx(moved, abs=1e-9)


@given(st.integers(2, 6), st.data())
def test_a_change_that_does_nothing_gets_nothing_and_one_that_does_all_gets_all(n: int, data: st.DataObject) -> None:
    moved, doer = data.draw(FIGURES), data.draw(st.integers(0, n - 1))
    orders = orders_of(n)
    found = shares({each: moved if doer in each else 0.0 for each in corners(orders)}, orders)
    assert found == pytest.approx([moved if change == doer else 0.0 for change in range(n)])


def test_few_changes_are_made_in_every_order_and_many_in_two() -> None:
    subsets = chain.from_iterable(combinations(range(MOST_IN_EVERY_ORDER), n) for n in range(MOST_IN_EVERY_ORDER + 1))
    assert set(corners(orders_of(MOST_IN_EVERY_ORDER))) == set(map(frozenset, subsets))
    assert len(corners(orders_of(MOST_IN_EVERY_ORDER + 1))) == 2 * (MOST_IN_EVERY_ORDER + 1)
    assert len(corners(orders_of(1))) == 2


def test_the_interval_is_students() -> None:
    """Of 1, 2, 3: mean 2, standard deviation 1, so 2 -+ 4.303 / sqrt(3)."""
    share = over_seeds([1.0, 2.0, 3.0])
    assert share.mean == 2
    assert share.interval == pytest.approx((2 - 2.4843, 2 + 2.4843), abs=1e-4)
    assert share.may_be_chance
    assert not over_seeds([1.0, 1.1, 1.2]).may_be_chance
    assert over_seeds([1.0]).interval is None
    assert over_seeds([1.0]).may_be_chance
