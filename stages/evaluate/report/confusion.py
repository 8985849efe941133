"""The confusion matrix as tables; or its most frequent confusions, if there are too many classes for a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.documents import ClassMetrics

DEPTHS = 10  # of a cell's colour; style.css has a class for each
Cell = dict[str, str]  # its text, and its shade: classes of style.css


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often one class was predicted instead of another: the classes' indices, rows, and share of the class."""

    actual: int
    predicted: int
    n_rows: int
    share: float


def frequent_confusions(confusion: NDArray[np.int64], most: int) -> list[Confusion]:
    """The ``most`` frequent confusions of the matrix (n_classes, n_classes); ties in the order of the matrix."""
    wrong = np.stack(np.nonzero(confusion), axis=1)  # (n_pairs, 2)
    wrong = wrong[wrong[:, 0] != wrong[:, 1]]
    counts = confusion[wrong[:, 0], wrong[:, 1]]
    order = np.argsort(-counts, kind="stable")[:most]
    n_of_class = confusion.sum(axis=1)
    return [
        Confusion(actual, predicted, n_rows, n_rows / int(n_of_class[actual]))
        for (actual, predicted), n_rows in zip(wrong[order].tolist(), counts[order].tolist(), strict=True)
    ]


def hardest_classes(per_class: Sequence[ClassMetrics], most: int) -> list[ClassMetrics]:
    """All classes in their order, or the ``most`` with the lowest F1, the lowest first."""
    if len(per_class) <= most:
        return list(per_class)
    return sorted(per_class, key=lambda each: each.f1)[:most]


def confusion_tables(confusion: NDArray[np.int64]) -> list[tuple[str, list[list[Cell]]]]:
    """The matrix (n_classes, n_classes) as rows, and as percent of each line: caption and cells.

    Lines are the actual classes, columns the predicted ones. Right cells are shaded by their share of the line, wrong
    ones in proportion to the worst wrong cell.
    """
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    return [
        ("Rows", _cells(confusion, shares, "{:,}")),
        ("Percent of the line", _cells(100 * shares, shares, "{:.1f}")),
    ]


def _cells(values: NDArray[np.generic], shares: NDArray[np.float64], pattern: str) -> list[list[Cell]]:
    """``values`` (n, n) as texts; a zero is a dot."""
    worst = values[~np.eye(len(values), dtype=bool)].max()

    def cell(line: int, column: int) -> Cell:
        value = values[line, column]
        if not value:
            return {"text": "·", "shade": ""}
        is_right = line == column
        depth = shares[line, column] if is_right else value / worst
        shade = f"{'right' if is_right else 'wrong'} depth{math.ceil(DEPTHS * depth)}"
        return {"text": pattern.format(value).replace("100.0", "100"), "shade": shade}  # so that columns stay narrow

    return [[cell(line, column) for column in range(len(values))] for line in range(len(values))]
