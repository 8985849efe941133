"""Rows whose label is probably wrong, found from the probabilities of networks that were not trained on them.

The method is confident learning: C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: Estimating
uncertainty in dataset labels", Journal of Artificial Intelligence Research 70 (2021), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.shared.arrays import Indices, Probabilities


@dataclass(frozen=True, slots=True)
class Suspects:
    """The suspected rows, the likeliest mistake first.

    Attributes
    ----------
    positions : of the k suspects among the m rows that were judged, (k,)
    suggested : index of the class that each probably belongs to, (k,)
    """

    positions: Indices
    suggested: Indices


def find_suspects(P: Probabilities, given: Indices, rows: Indices) -> Suspects:
    """Find the rows that probably belong to another class than their label says.

    A class's threshold is the mean probability that its own rows have for it. A row belongs confidently to the class
    with the highest probability among those whose threshold it reaches. It is a suspect if that is not its label's.
    Suspects are ranked by the margin, the probability of the label less that of the suggested class; equal ones by row
    number.

    Parameters
    ----------
    P : probabilities, (m, n_classes)
    given : the indices of the labels' classes, (m,)
    rows : the rows' numbers, (m,)
    """
    m, n_classes = P.shape
    p_given = P[np.arange(m), given].astype(np.float64)  # (m,)
    n_rows = np.bincount(given, minlength=n_classes)
    totals = np.bincount(given, weights=p_given, minlength=n_classes)
    # A class without rows has no threshold that could be reached.
    thresholds = np.where(n_rows > 0, totals / np.maximum(n_rows, 1), np.inf)  # (n_classes,)
    reached = np.where(thresholds <= P, P, -1.0)  # (m, n_classes)
    confident = reached.argmax(axis=1)
    positions = np.flatnonzero((reached.max(axis=1) >= 0) & (confident != given))
    margin = p_given[positions] - P[positions, confident[positions]]
    positions = positions[np.lexsort((rows[positions], margin))]
    return Suspects(positions, confident[positions])
