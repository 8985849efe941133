"""Calibration: whether the network's confidence equals its accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.metrics import wilson_interval

N_BINS = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """The rows whose confidence lies in (low, high]: their mean ``confidence``, and their ``accuracy``."""

    low: float
    high: float
    n_rows: int
    confidence: float
    accuracy: float
    interval: tuple[float, float]


def reliability(P: NDArray[np.float32], actual: NDArray[np.int64], n_bins: int = N_BINS) -> tuple[Bin, ...]:
    """The bins of equal width over [0, 1] that hold rows, for ``P`` (m, n_classes) and the right classes (m,).

    A row's confidence is the probability of its most probable class. Guo, Pleiss, Sun and Weinberger, "On
    calibration of modern neural networks" (2017), with their 15 bins.
    """
    confidence = P.max(axis=1).astype(np.float64)
    is_right = P.argmax(axis=1) == actual
    index = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    bins = []
    for k in np.unique(index).tolist():
        members = index == k
        n_rows, n_correct = int(members.sum()), int(is_right[members].sum())
        bins.append(
            Bin(
                low=k / n_bins,
                high=(k + 1) / n_bins,
                n_rows=n_rows,
                confidence=float(confidence[members].mean()),
                accuracy=n_correct / n_rows,
                interval=wilson_interval(n_correct, n_rows),
            )
        )
    return tuple(bins)


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """The expected calibration error: the mean over all rows of their bin's |accuracy - confidence|."""
    n_rows = sum(each.n_rows for each in bins)
    return sum(each.n_rows * abs(each.accuracy - each.confidence) for each in bins) / n_rows
