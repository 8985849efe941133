"""The schedules: their shapes, and which of them end at 0."""

from __future__ import annotations

import numpy as np
import pytest

from stages.mlp.gradient_descent.schedules import SCHEDULES, ends_at_zero


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_stays_within_the_learning_rate(schedule: str) -> None:
    shares = [SCHEDULES[schedule](step, 100, 0.1) for step in range(100)]
    assert all(0 < share <= 1 for share in shares)


def test_the_shapes_of_the_schedules() -> None:
    def shares(schedule: str) -> list[float]:
        return [SCHEDULES[schedule](step, 100, 0.1) for step in range(100)]

    assert set(shares("constant")) == {1.0}
    assert [shares("step")[at] for at in (0, 49, 50, 74, 75, 99)] == [1, 1, 0.1, 0.1, 0.01, 0.01]
    assert shares("cosine")[0] == 1
    assert shares("cosine")[50] == pytest.approx(0.5)
    assert shares("cosine")[25] == pytest.approx((1 + 0.5**0.5) / 2)  # a straight line has 0.75 there
    up, down = shares("one_cycle")[:10], shares("one_cycle")[10:]
    np.testing.assert_allclose(up, np.arange(1, 11) / 11)
    assert down == sorted(down, reverse=True)
    assert (down[0], down[-1]) == (1, pytest.approx(0, abs=1e-3))
    assert down[45] == pytest.approx(0.5)  # half of the way down
    for n_steps, n_up in ((5, 2), (7, 4)):  # half of them, rounded to an even number
        assert np.argmax([SCHEDULES["one_cycle"](step, n_steps, 0.5) for step in range(n_steps)]) == n_up


def test_which_schedules_end_at_0() -> None:
    assert [name for name in SCHEDULES if ends_at_zero(name)] == ["cosine", "one_cycle"]
