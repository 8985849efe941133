"""The predictions of one network or an ensemble, each row by the members that have not seen it.

The ensemble averages the probabilities of its members. With folds, a training row is predicted out of fold: only by
the members of its own fold, which were not trained on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.metrics import Score, count_confusion
from stages.mlp import forget_pages
from stages.shared.arrays import Indices, Inputs, Probabilities
from stages.train.folds import IN_NO_FOLD
from stages.train.predictor import BLOCK_ROWS, Predictor


@dataclass(frozen=True, slots=True)
class RowsToPredict:
    """Rows to be predicted.

    Attributes
    ----------
    X : their pixels, (m, n_pixels)
    actual : the right classes' indices, (m,)
    numbers : their row numbers in train.parquet, (m,)
    folds : the fold of each row, or ``IN_NO_FOLD``, (m,)
    """

    X: Inputs
    actual: Indices
    numbers: Indices
    folds: NDArray[np.int16]

    @property
    def are_in_folds(self) -> bool:
        """Whether they are training rows that are predicted out of fold."""
        return bool((self.folds != IN_NO_FOLD).any())


@dataclass(frozen=True, slots=True)
class Predictions:
    """Some rows with what was predicted for them.

    Attributes
    ----------
    P : the mean probabilities of the members that predict a row, (m, n_classes)
    disagreements : how many of these members predict another class than their mean does, (m,)
    scores : the score of each member alone
    """

    rows: RowsToPredict
    P: Probabilities
    disagreements: Indices
    scores: Sequence[Score]

    @property
    def confusion(self) -> Indices:
        """How often each actual class (line) was predicted as each class (column): (n_classes, n_classes)."""
        return count_confusion(self.rows.actual, self.P.argmax(axis=1), self.P.shape[1])


def predict_rows(
    predictor: Predictor, rows: RowsToPredict, fold_of_member: Sequence[int | None], count: Callable[[int], None]
) -> Predictions:
    """Predict each row by the members of its fold, or by all if it is in none.

    ``count`` is called after every block with its number of rows.
    """
    P = np.empty((len(rows.X), len(predictor.classes)), np.float32)
    disagreements = np.zeros(len(rows.X), np.int64)
    scores = [Score() for _ in fold_of_member]
    for fold in np.unique(rows.folds).tolist():
        members = members_for(fold, fold_of_member)
        in_fold = np.flatnonzero(rows.folds == fold)
        for first in range(0, len(in_fold), BLOCK_ROWS):
            block = in_fold[first : first + BLOCK_ROWS]
            each = predictor.each(rows.X[block], members)  # (n_members, m_block, n_classes)
            P[block] = each.mean(axis=0)
            disagreements[block] = (each.argmax(axis=2) != P[block].argmax(axis=1)).sum(axis=0)
            for member, own_P in zip(members, each, strict=True):
                scores[member].add(own_P, rows.actual[block])
            count(len(block))
            forget_pages(rows.X)
    return Predictions(rows, P, disagreements, scores)


def members_for(fold: int, fold_of_member: Sequence[int | None]) -> list[int]:
    """The members that predict the rows of a fold: its own, or all if the rows are in no fold."""
    return [member for member, own in enumerate(fold_of_member) if fold in {IN_NO_FOLD, own}]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row for which members predict different classes.

    Attributes
    ----------
    x : its pixels, (n_pixels,)
    row : its number in train.parquet
    actual, predicted : indices of the right class, and of the one that the ensemble predicts
    votes : the index of each class that a member predicts, with the number of these members; most votes first
    """

    x: Inputs
    row: int
    actual: int
    predicted: int
    votes: tuple[tuple[int, int], ...]


def find_disagreements(
    predictor: Predictor, predictions: Predictions, fold_of_member: Sequence[int | None], most: int
) -> tuple[Disagreement, ...]:
    """At most ``most`` rows on which the members disagree.

    Rows with the most disagreeing members come first; ties are sorted by confidence, the lowest first, then by number.
    """
    rows = predictions.rows
    differing = np.flatnonzero(predictions.disagreements)
    confidence = predictions.P[differing].max(axis=1)
    order = np.lexsort((rows.numbers[differing], confidence, -predictions.disagreements[differing]))
    found = []
    for at in differing[order][:most].tolist():
        members = members_for(int(rows.folds[at]), fold_of_member)
        each = predictor.each(rows.X[at : at + 1], members)[:, 0].argmax(axis=1)  # (n_members,)
        votes = sorted(zip(*np.unique(each, return_counts=True), strict=True), key=lambda vote: (-vote[1], vote[0]))
        found.append(
            Disagreement(
                x=np.array(rows.X[at]),
                row=int(rows.numbers[at]),
                actual=int(rows.actual[at]),
                predicted=int(predictions.P[at].argmax()),
                votes=tuple((int(index), int(n_members)) for index, n_members in votes),
            )
        )
    return tuple(found)
