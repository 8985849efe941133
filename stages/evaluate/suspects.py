"""Rows whose label may be wrong, found from the probabilities of networks that were not trained on them.

C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: Estimating uncertainty in dataset labels", Journal of
Artificial Intelligence Research 70 (2021): section 3 estimates which labels are wrong, and ranks by self-confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.shared.arrays import Indices, Probabilities


@dataclass(frozen=True, slots=True)
class Suspects:
    """The suspected rows, the likeliest mistake first.

    Attributes
    ----------
    positions : of the k suspects among the m rows that were judged, (k,)
    suggested : index of the class that is predicted for each, (k,)
    are_confident : whether the label is probably wrong, and not just in doubt, (k,)
    """

    positions: Indices
    suggested: Indices
    are_confident: NDArray[np.bool_]


def find_suspects(P: Probabilities, given: Indices, rows: Indices) -> Suspects:
    """Find the rows whose predicted class is not their label, and rank them.

    They are ranked by self-confidence, which is the probability of the label; ties by row number. A class's threshold
    is the mean self-confidence of the rows with that label. A label is probably wrong if another class is the likeliest
    among the classes whose threshold the row reaches.

    Parameters
    ----------
    P : probabilities, (m, n_classes)
    given : the indices of the labels' classes, (m,)
    rows : the rows' numbers, (m,)
    """
    m, n_classes = P.shape
    predicted = P.argmax(axis=1)  # (m,)
    p_given = P[np.arange(m), given].astype(np.float64)  # (m,)
    n_rows = np.bincount(given, minlength=n_classes)
    totals = np.bincount(given, weights=p_given, minlength=n_classes)
    # No row reaches the threshold of a class without rows.
    thresholds = np.where(n_rows > 0, totals / np.maximum(n_rows, 1), np.inf)  # (n_classes,)
    reached = np.where(thresholds <= P, P, -1.0)  # (m, n_classes)
    are_confident = (reached.max(axis=1) >= 0) & (reached.argmax(axis=1) != given)  # (m,)
    positions = np.flatnonzero(predicted != given)
    positions = positions[np.lexsort((rows[positions], p_given[positions]))]
    return Suspects(positions, predicted[positions], are_confident[positions])
