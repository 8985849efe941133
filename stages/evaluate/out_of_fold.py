"""What the members of an ensemble say of rows: each for itself, and all together.

All together they say the mean of their probabilities. A row that some of them were trained on is put only to those
that have not seen it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stages.mlp import forget_pages
from stages.train.folds import IN_NO_FOLD
from stages.train.predictor import BLOCK_ROWS, Predictor

LEAST_PROBABILITY = 1e-15  # so that one certain mistake is not infinite


@dataclass(slots=True)
class Tally:
    """How one member did on the rows that were put to it."""

    n_rows: int = 0
    n_correct: int = 0
    loss: float = 0.0  # summed over the rows

    def count(self, P: NDArray[np.float32], actual: NDArray[np.int64]) -> None:
        """Add some rows: the member's ``P`` (m, n_classes), and the right classes' indices (m,)."""
        self.n_rows += len(P)
        self.n_correct += int((P.argmax(axis=1) == actual).sum())
        self.loss += float(cross_entropy(P, actual).sum())

    @property
    def accuracy(self) -> float:
        return self.n_correct / self.n_rows


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said of rows.

    Attributes
    ----------
    P : mean of the asked members' probabilities, (m, n_classes)
    disagreements : how many of these members would have said another class than they say together, (m,)
    tallies : by the member's number
    """

    P: NDArray[np.float32]
    disagreements: NDArray[np.int64]
    tallies: Mapping[int, Tally] = field(default_factory=dict)


def ask(
    predictor: Predictor,
    X: NDArray[np.float32],
    actual: NDArray[np.int64],
    fold_of_row: NDArray[np.int16],
    fold_of_member: Sequence[int],
    count: Callable[[int], None],
) -> Answers:
    """Put each row of ``X`` (m, n_pixels) to the members of its fold, or to all if it is in none.

    ``actual`` (m,) are the right classes' indices. ``count`` is called with the number of rows done after every block.
    """
    P = np.empty((len(X), len(predictor.classes)), np.float32)
    disagreements = np.zeros(len(X), np.int64)
    tallies = {member: Tally() for member in range(len(fold_of_member))}
    for fold in np.unique(fold_of_row).tolist():
        asked = members_for(fold, fold_of_member)
        rows = np.flatnonzero(fold_of_row == fold)
        for first in range(0, len(rows), BLOCK_ROWS):
            block = rows[first : first + BLOCK_ROWS]
            each = predictor.each(X[block], asked)  # (n_asked, m_block, n_classes)
            P[block] = each.mean(axis=0)
            disagreements[block] = (each.argmax(axis=2) != P[block].argmax(axis=1)).sum(axis=0)
            for member, own_P in zip(asked, each, strict=True):
                tallies[member].count(own_P, actual[block])
            count(len(block))
            forget_pages(X)
    return Answers(P, disagreements, tallies)


def members_for(fold: int, fold_of_member: Sequence[int]) -> list[int]:
    """The members that rows of a fold are put to: its own; or all, if it is none."""
    return [member for member, own in enumerate(fold_of_member) if fold in {IN_NO_FOLD, own}]


def cross_entropy(P: NDArray[np.float32], actual: NDArray[np.int64]) -> NDArray[np.float64]:
    """-ln p(right class) of each row of ``P`` (m, n_classes): (m,)."""
    p_right = P[np.arange(len(P)), actual].astype(np.float64)
    loss: NDArray[np.float64] = -np.log(np.clip(p_right, LEAST_PROBABILITY, 1.0))
    return loss


@dataclass(frozen=True, slots=True)
class Dispute:
    """A row about which members disagree.

    Attributes
    ----------
    x : its pixels, (n_pixels,)
    row : its number in train.parquet
    actual, said : indices of the right class, and of the one that the members say together
    votes : each class's index that some member says for itself, with how many do; most votes first
    """

    x: NDArray[np.float32]
    row: int
    actual: int
    said: int
    votes: tuple[tuple[int, int], ...]


def disputes(
    predictor: Predictor,
    X: NDArray[np.float32],
    actual: NDArray[np.int64],
    rows: NDArray[np.int64],
    answers: Answers,
    asked: Callable[[int], Sequence[int]],
    most: int,
) -> tuple[Dispute, ...]:
    """The ``most`` disputed rows: those with most disagreeing members first, of these the least sure, by row number.

    ``asked`` says which members were asked about the row at a position of ``X`` (m, n_pixels).
    """
    disputed = np.flatnonzero(answers.disagreements)
    order = np.lexsort((rows[disputed], answers.P[disputed].max(axis=1), -answers.disagreements[disputed]))
    found = []
    for at in disputed[order][:most].tolist():
        each = predictor.each(X[at : at + 1], asked(at))[:, 0].argmax(axis=1)  # (n_asked,)
        votes = sorted(zip(*np.unique(each, return_counts=True), strict=True), key=lambda vote: (-vote[1], vote[0]))
        found.append(
            Dispute(
                x=np.array(X[at]),
                row=int(rows[at]),
                actual=int(actual[at]),
                said=int(answers.P[at].argmax()),
                votes=tuple((int(index), int(count)) for index, count in votes),
            )
        )
    return tuple(found)
