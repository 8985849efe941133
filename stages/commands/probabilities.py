"""Probabilities as commands show and write them: as short decimals, the likeliest class first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.shared.arrays import Probabilities
from stages.shared.documents import Label


def shortest(value: np.float32) -> float:
    """A float32 as the shortest decimal that rounds to it."""
    return float(str(value))


def ranked(p: Probabilities, classes: Sequence[Label]) -> list[tuple[Label, float]]:
    """The classes and their probabilities ``p`` (n_classes,), the likeliest first."""
    return sorted(zip(classes, map(shortest, p), strict=True), key=lambda item: -item[1])
