"""The schedules: by which factor the learning rate is multiplied at each step.

To add one, write its function and put its name into ``SCHEDULES``. docs/architecture.md, "How to add something",
has the other files.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

# (step from 0, number of steps, share of the steps in which the learning rate rises) -> factor in [0, 1]
Schedule = Callable[[int, int, float], float]


def constant(step: int, n_steps: int, warm_up: float) -> float:  # noqa: ARG001 - one signature for all
    """Always 1."""
    return 1.0


def step_decay(step: int, n_steps: int, warm_up: float) -> float:  # noqa: ARG001 - one signature for all
    """1, a tenth after half of the steps, a hundredth after three quarters."""
    return 1.0 if 2 * step < n_steps else 0.1 if 4 * step < 3 * n_steps else 0.01


def cosine(step: int, n_steps: int, warm_up: float) -> float:  # noqa: ARG001 - one signature for all
    """From 1 down half a cosine wave towards 0 (Loshchilov and Hutter, 2017)."""
    return (1 + cos(pi * step / n_steps)) / 2


def one_cycle(step: int, n_steps: int, warm_up: float) -> float:
    """Warm-up in a straight line from 0 to 1, then down half a cosine wave towards 0.

    Smith and Topin (2018), without the cycle of momentum.
    """
    n_up = round(warm_up * n_steps)
    if step < n_up:
        return (step + 1) / (n_up + 1)
    return (1 + cos(pi * (step - n_up) / (n_steps - n_up))) / 2


SCHEDULES: dict[str, Schedule] = {"constant": constant, "step": step_decay, "cosine": cosine, "one_cycle": one_cycle}


def ends_at_zero(schedule: str) -> bool:
    """Whether the learning rate ends at 0. Then the last epoch is as good as any, and no rows chose it."""
    return SCHEDULES[schedule](1000, 1000, 0.1) < 1e-6
