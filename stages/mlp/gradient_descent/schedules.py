"""The schedules: the factor of the learning rate at each step.

To add one, write its function and put its name into ``SCHEDULES``. docs/architecture.md, "How to add something",
has the other files.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

# (step from 0, number of steps, fraction of the steps for warm-up) -> factor in [0, 1]
Schedule = Callable[[int, int, float], float]


def constant(step: int, n_steps: int, warm_up: float) -> float:  # noqa: ARG001 - one signature for all
    """Always 1."""
    return 1.0


def step_decay(step: int, n_steps: int, warm_up: float) -> float:  # noqa: ARG001 - one signature for all
    """1, then 0.1 after half of the steps, then 0.01 after three quarters of the steps."""
    return 1.0 if 2 * step < n_steps else 0.1 if 4 * step < 3 * n_steps else 0.01


def cosine(step: int, n_steps: int, warm_up: float) -> float:  # noqa: ARG001 - one signature for all
    """Half a cosine wave from 1 down to 0. Loshchilov and Hutter (2017)."""
    return (1 + cos(pi * step / n_steps)) / 2


def one_cycle(step: int, n_steps: int, warm_up: float) -> float:
    """A linear warm-up to 1 (the first factor is 1 / (n_up + 1)), then half a cosine wave down to 0.

    n_up is the number of steps of the warm-up. Smith and Topin (2018), but momentum stays constant.
    """
    n_up = round(warm_up * n_steps)
    if step < n_up:
        return (step + 1) / (n_up + 1)
    return (1 + cos(pi * (step - n_up) / (n_steps - n_up))) / 2


SCHEDULES: dict[str, Schedule] = {"constant": constant, "step": step_decay, "cosine": cosine, "one_cycle": one_cycle}


def ends_at_zero(schedule: str) -> bool:
    """Whether the learning rate ends at 0. Then the last epoch can be kept without choosing by validation rows."""
    return SCHEDULES[schedule](1000, 1000, 0.1) < 1e-6
