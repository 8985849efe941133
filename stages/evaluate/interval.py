"""How sure one can be of a share that was counted on few rows."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054  # the standard normal's 97.5 % quantile


def wilson_interval(n_correct: int, n: int) -> tuple[float, float]:
    """The 95 % interval for a share, ``n_right`` of ``n`` > 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    Unlike the normal approximation it stays in [0, 1] and has width where every row is right.
    """
    share = n_correct / n
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    # At 0 and at 1 a bound equals the share, but for rounding.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
