"""Each change's share of the movement of a figure, and the interval within which chance may move it.

The effect of a change depends on the others. So its share is the mean of its effects over all orders in which the
changes can be made: L. S. Shapley, "A value for n-person games", 1953. If there are many changes, two orders are used:
the given one and its reverse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import sqrt
from statistics import mean, stdev

MOST_IN_EVERY_ORDER = 3  # up to so many changes are made in every order, in 2^3 runs
# Student's t, 97.5 %, for 1, 2, ... degrees of freedom, as many as --seeds allows
T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)

Order = tuple[int, ...]
Made = frozenset[int]  # the numbers of the changes that have been made


@dataclass(frozen=True, slots=True)
class Share:
    """A mean over seeds, and the 95 % interval of that mean; None for a single seed."""

    mean: float
    interval: tuple[float, float] | None

    @property
    def may_be_chance(self) -> bool:
        """Whether the interval holds 0, or whether there is none."""
        return self.interval is None or self.interval[0] <= 0 <= self.interval[1]


def orders_of(n_changes: int) -> tuple[Order, ...]:
    """The orders in which the changes are made: all, or two if the changes are many."""
    given = tuple(range(n_changes))
    return tuple(permutations(given)) if n_changes <= MOST_IN_EVERY_ORDER else (given, given[::-1])


def corners(orders: Sequence[Order]) -> tuple[Made, ...]:
    """Every set of changes that some order passes through, from none to all, each once."""
    passed = (frozenset(order[:n]) for n in range(len(orders[0]) + 1) for order in orders)
    return tuple(dict.fromkeys(passed))


def shares(values: Mapping[Made, float], orders: Sequence[Order]) -> list[float]:
    """Return each change's share; the shares sum to the movement. ``values`` are the figures at the corners."""
    return [
        mean(values[frozenset(order[: at + 1])] - values[frozenset(order[:at])] for order, at in places)
        for change in range(len(orders[0]))
        for places in [[(order, order.index(change)) for order in orders]]
    ]


def over_seeds(values: Sequence[float]) -> Share:
    """Return the mean of the values, one for each seed, with the interval of Student's t."""
    if len(values) == 1:
        return Share(values[0], None)
    middle, half = mean(values), T_95[len(values) - 2] * stdev(values) / sqrt(len(values))
    return Share(middle, (middle - half, middle + half))
