"""A window: those rows of a large mapped file that are in memory at a time. shuffling.py says which rows these are."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats, Rows, forget_pages

# Rows that are read before the pages of the mapped file are freed.
READ_ROWS = 8192


class Window:
    """A buffer for ``size`` rows of the mapped file ``X``, (M, n_inputs), and of their labels ``Y``, (M, n_classes)."""

    def __init__(self, X: Floats, Y: Floats, size: int) -> None:
        self._source, self._labels = X, Y
        self._X = np.empty((size, X.shape[1]), X.dtype)
        self._Y = np.empty((size, Y.shape[1]), Y.dtype)

    def load(self, order: Rows) -> tuple[Floats, Floats, Rows]:
        """Read the rows with the indices ``order``, (k,).

        Returns
        -------
        X, Y : (k, n_inputs) and (k, n_classes), in the order of the file
        positions : the index in X and Y of each row of ``order``, (k,)
        """
        k = len(order)
        in_file_order = np.argsort(order)
        positions = np.empty(k, np.int64)
        positions[in_file_order] = np.arange(k)
        for start in range(0, k, READ_ROWS):
            block = slice(start, min(start + READ_ROWS, k))
            rows = order[in_file_order[block]]
            # mode="clip" writes directly to `out`. The default mode makes a copy first.
            np.take(self._source, rows, axis=0, out=self._X[block], mode="clip")
            np.take(self._labels, rows, axis=0, out=self._Y[block], mode="clip")
            forget_pages(self._source)
        return self._X[:k], self._Y[:k], positions
