"""The schedules: what share of the learning rate each step uses."""

from __future__ import annotations

from math import cos, pi

SCHEDULES = ("constant", "step", "cosine", "one_cycle")


def learning_rate_factor(schedule: str, step: int, n_steps: int, warm_up: float) -> float:
    """The factor, in [0, 1], by which the learning rate is multiplied at ``step`` of ``n_steps``.

    - constant: always 1
    - step: 1, a tenth after half of the steps, a hundredth after three quarters
    - cosine: from 1 down half a cosine wave towards 0 (Loshchilov and Hutter, 2017)
    - one_cycle: up from 0 in a straight line over the share ``warm_up`` of the steps, then down half a
      cosine wave (Smith and Topin, 2018, without the cycle of momentum)

    ``step`` counts from 0.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "step":
        return 1.0 if 2 * step < n_steps else 0.1 if 4 * step < 3 * n_steps else 0.01
    if schedule == "cosine":
        return (1 + cos(pi * step / n_steps)) / 2
    if schedule == "one_cycle":
        n_up = round(warm_up * n_steps)
        if step < n_up:
            return (step + 1) / (n_up + 1)
        return (1 + cos(pi * (step - n_up) / (n_steps - n_up))) / 2
    raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, not {schedule!r}")
