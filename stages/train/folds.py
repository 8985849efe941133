"""Folds and members: which rows a member is not trained on, and its seed.

With k folds, the members of k - 1 folds train on a row, and those of the remaining fold predict it: k-fold
cross-validation (M. Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 36, 1974).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IN_NO_FOLD = -1  # the fold of rows that all members are trained on, or none


def divide_into_folds(indices: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int16]:
    """The fold of each row, (m,), counted from 0; with a single one ``IN_NO_FOLD`` throughout.

    ``indices`` (m,) are the rows' classes. The rows of each class are spread evenly over the folds, at random by
    ``seed``. Two folds differ by at most one row, and also by at most one row of each class.
    """
    m = len(indices)
    if folds == 1:
        return np.full(m, IN_NO_FOLD, np.int16)
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(folds,))).permutation(m)
    by_class = order[np.argsort(indices[order], kind="stable")]  # one class after the other, each in random order
    fold_of_row = np.empty(m, np.int16)
    fold_of_row[by_class] = np.arange(m) % folds
    return fold_of_row


def seed_of_member(seed: int, fold: int, number: int) -> int:
    """The seed of member ``number`` of a fold, both from 0; the first of all has ``seed`` itself.

    It depends on nothing else, so a further member or fold changes no other.
    """
    if fold == number == 0:
        return seed
    words = np.random.SeedSequence(seed, spawn_key=(fold, number)).generate_state(2, np.uint32).tolist()
    return int(words[0]) << 31 | int(words[1]) >> 1  # 63 bits, as the setting has
