"""In which order an epoch's rows come, and how rows that do not fit into memory are read in that order.

A small training set is permuted as a whole. A large one is shuffled in two steps: runs of neighbouring rows are
permuted, so many runs as fit are brought into memory, and the rows of such a window are permuted among each
other. So the file is read in pieces worth a reading, each once an epoch, and a batch still mixes rows from all
over it.
"""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats, Rows, forget_pages

# So many neighbours stay together on their way from the file: 200 kB of images of 28 x 28, which costs a disk
# hardly more than one row. A window of 256 MiB holds 1,300 runs of them, from anywhere.
RUN_ROWS = 64

# Rows read before the memory that the file was mapped to is given back.
READ_ROWS = 8192


def generator(seed: int, epoch: int, replica: int | None = None) -> np.random.Generator:
    """The random numbers of an epoch's order, or of what a replica drops and warps in that epoch."""
    key = (epoch,) if replica is None else (epoch, replica)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def rows_of_window(n_bytes: int, row_bytes: int, batch_size: int) -> int:
    """How many rows of ``row_bytes`` fit into ``n_bytes``, in whole batches and at least one."""
    return max(1, n_bytes // (row_bytes * batch_size)) * batch_size


def shuffled(n: int, window: int, rng: np.random.Generator) -> Rows:
    """0 to n - 1 in random order, (n,); with more than ``window`` rows, in the two steps."""
    if n <= window:
        return rng.permutation(n)
    first = rng.permutation(-(-n // RUN_ROWS)) * RUN_ROWS
    order = (first[:, None] + np.arange(RUN_ROWS)).ravel()
    order = order[order < n]
    for start in range(0, n, window):
        rng.shuffle(order[start : start + window])
    return order


class Window:
    """Some rows of a mapped file in memory, and their labels.

    Parameters
    ----------
    X, Y : (m, n_inputs), mapped, and one-hot (m, n_classes)
    size : how many rows at most
    """

    def __init__(self, X: Floats, Y: Floats, size: int) -> None:
        self._source, self._labels = X, Y
        self._X = np.empty((size, X.shape[1]), X.dtype)
        self._Y = np.empty((size, Y.shape[1]), Y.dtype)

    def load(self, order: Rows) -> tuple[Floats, Floats, Rows]:
        """Bring the rows of ``order``, (k,), into memory, in the order of the file.

        Returns
        -------
        X, Y : (k, n_inputs) and (k, n_classes), in the order of the file
        places : where each row of ``order`` lies in them, (k,)
        """
        k = len(order)
        by_file = np.argsort(order)
        places = np.empty(k, np.int64)
        places[by_file] = np.arange(k)
        for start in range(0, k, READ_ROWS):
            some = slice(start, min(start + READ_ROWS, k))
            rows = order[by_file[some]]
            # mode="clip" writes straight to `out`; the default would go through a copy.
            np.take(self._source, rows, axis=0, out=self._X[some], mode="clip")
            np.take(self._labels, rows, axis=0, out=self._Y[some], mode="clip")
            forget_pages(self._source)
        return self._X[:k], self._Y[:k], places
