"""Divide the labelled rows into training and validation: at random, and each class in proportion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError, first_few
from stages.shared.arrays import Indices, Labels
from stages.shared.messages import counted

if TYPE_CHECKING:
    from stages.split.parameters import SplitParameters


@dataclass(frozen=True, slots=True)
class Division:
    """Row numbers into train.parquet, int64: (n_train,) and (n_validation,)."""

    train: Indices
    validation: Indices


def divide(labels: Labels, parameters: SplitParameters) -> Division:
    """Divide the rows of ``labels`` (m,) at random, by ``parameters.seed`` alone.

    Not stratified, the rows are those of scikit-learn's ``train_test_split(random_state=seed)``, which the
    tutorial used. Stratified, the number of validation rows of a class is its share of ``validation``, rounded
    down or up (the largest remainders up, so that the total comes out right), and every class has a row in both.
    A share of 0 holds nothing out.

    Raises
    ------
    DataError
        There are fewer than two rows, or a class that has a single one is to be stratified.
    """
    m = len(labels)
    if m < 2:
        raise DataError(
            "there are fewer than two labelled rows, so none can be held out",
            where="ingest/train.parquet",
            hint="give ingest.train a file with more rows",
        )
    if parameters.validation == 0.0:
        return Division(train=np.random.default_rng(parameters.seed).permutation(m), validation=np.arange(0))
    if not parameters.stratify:
        n_validation = min(math.ceil(m * parameters.validation), m - 1)
        old = np.random.RandomState(parameters.seed).permutation(m)
        return Division(train=old[n_validation:], validation=old[:n_validation])
    order = np.random.default_rng(parameters.seed).permutation(m)  # (m,)
    classes, class_of_row, n_rows = np.unique(labels, return_inverse=True, return_counts=True)
    if (n_rows < 2).any():
        single = classes[n_rows < 2]
        raise DataError(
            f"{counted(len(single), 'class has', 'classes have')} one row only, which cannot lie in both parts: "
            f"{first_few(list(map(repr, single.tolist())))}",
            where=f"ingest/train.parquet, row {int(np.flatnonzero(labels == single[0])[0])}",
            hint="pipeline run all --set split.validation=0 --set train.folds=5, or add rows of such a class",
        )
    quota = validation_quota(n_rows, parameters.validation)  # (n_classes,)
    shuffled = class_of_row[order]
    by_class = np.argsort(shuffled, kind="stable")
    rank = np.empty(m, dtype=np.int64)  # of a row among those of its class, in shuffled order
    rank[by_class] = np.arange(m) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    held_out = rank < quota[shuffled]
    return Division(train=order[~held_out], validation=order[held_out])


def validation_quota(n_rows: Indices, share: float) -> Indices:
    """How many rows of each class are held out, of ``n_rows`` (n_classes,), each at least 2.

    The largest-remainder method, then bounds so that both parts have a row of every class. Every quota is
    less than one row away from ``n_rows * share``.
    """
    ideal = n_rows * share
    quota = np.floor(ideal).astype(np.int64)
    n_missing = round(float(ideal.sum())) - int(quota.sum())
    quota[np.argsort(quota - ideal, kind="stable")[:n_missing]] += 1
    within: Indices = np.clip(quota, 1, n_rows - 1)
    return within


def is_stratified(labels: Labels, validation: Labels, share: float) -> bool:
    """Whether every class's number of validation rows is less than one row from its share."""
    classes, n_rows = np.unique(labels, return_counts=True)
    present, n_held_out = np.unique(validation, return_counts=True)
    return np.array_equal(classes, present) and bool((np.abs(n_held_out - n_rows * share) < 1).all())


def position_of(rows: Indices, n_rows: int) -> Indices:
    """For each of ``n_rows`` rows its position in ``rows``, or -1: (n_rows,)."""
    position = np.full(n_rows, -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    return position
