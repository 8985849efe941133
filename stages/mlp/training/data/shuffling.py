"""The random order of an epoch's rows.

A small training set is permuted as a whole. A large one is shuffled in two steps. First, runs of neighbouring rows are
permuted. Then the runs are divided into windows that fit into memory, and the rows of each window are permuted. So the
file is read in large pieces, once per epoch, and every mini-batch has rows from all parts of the file.
"""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Rows

# Rows of a run: 200 kB for images of 28 x 28. A disk reads them almost as fast as one row. A window of 256 MiB holds
# 1,300 runs.
RUN_ROWS = 64


def epoch_rng(seed: int, epoch: int, replica: int | None = None) -> np.random.Generator:
    """The random generator for the order of an epoch, or for a replica's dropout and augmentation in that epoch."""
    key = (epoch,) if replica is None else (epoch, replica)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def rows_of_window(n_bytes: int, row_bytes: int, batch_size: int) -> int:
    """How many rows of ``row_bytes`` fit into ``n_bytes``, in whole mini-batches, and at least one mini-batch."""
    return max(1, n_bytes // (row_bytes * batch_size)) * batch_size


def shuffled(n: int, window: int, rng: np.random.Generator) -> Rows:
    """0 to n - 1 in random order, (n,). More than ``window`` rows are shuffled in the two steps above."""
    if n <= window:
        return rng.permutation(n)
    first = rng.permutation(-(-n // RUN_ROWS)) * RUN_ROWS
    order = (first[:, None] + np.arange(RUN_ROWS)).ravel()
    order = order[order < n]
    for start in range(0, n, window):
        rng.shuffle(order[start : start + window])
    return order
