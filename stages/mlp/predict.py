"""Prediction: the class probabilities of any number of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stages.mlp.architecture import Architecture
from stages.mlp.arrays import Floats, Rows, forget_pages
from stages.mlp.network import Network
from stages.mlp.parallel.threads import Threads

# The network predicts this many rows at a time. The number of threads has no effect on it, because the size of a chunk
# has an effect on rounding.
CHUNK_ROWS = 512
CHUNK_VALUES = 2**22  # the largest number of values in a layer; chunks of large images have fewer rows


def predict_proba(network: Network, X: Floats, *, threads: int = 2) -> Floats:
    """The class probabilities: (M, n_inputs) -> (M, n_classes).

    ``X`` may be a memory-mapped array, which is read in chunks, or a pandas table. ``threads`` has no effect on the
    result.

    Raises
    ------
    ValueError
        ``X`` is not a matrix of ``n_inputs`` columns, or ``threads`` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> network = Network(Architecture(n_inputs=4, n_classes=3))
    >>> predict_proba(network, np.ones((2, 4)))
    array([[0.33333334, 0.33333334, 0.33333334],
           [0.33333334, 0.33333334, 0.33333334]], dtype=float32)
    """
    architecture, X = network.architecture, np.asanyarray(X)  # keeps a memory-mapped array
    if X.ndim != 2 or X.shape[1] != architecture.n_inputs:
        raise ValueError(f"X must have the shape (M, {architecture.n_inputs}), not {X.shape}")
    if threads < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}")
    probabilities = np.empty((len(X), architecture.n_classes), architecture.dtype)

    def predict(index: int) -> None:
        for _, chunk, Z in logits_by_chunk(network, X, index, threads):
            if architecture.n_classes == 2:
                probabilities[chunk, 1:] = np.exp(-np.logaddexp(0, -Z))
                probabilities[chunk, :1] = np.exp(-np.logaddexp(0, Z))
            else:
                E = np.exp(Z - Z.max(axis=1, keepdims=True))
                np.divide(E, E.sum(axis=1, keepdims=True), out=probabilities[chunk])

    Threads(threads).run(predict)
    return probabilities


def logits_by_chunk(
    network: Network, X: Floats, index: int, count: int, rows: Rows | None = None
) -> Iterator[tuple[int, slice, Floats]]:
    """Every ``count``-th chunk of ``X[rows]``, from number ``index`` on: its number, its slice and its logits."""
    chunks = chunks_of(network.architecture, len(X if rows is None else rows))
    for k in range(index, len(chunks), count):
        yield k, chunks[k], network.logits(X[chunks[k] if rows is None else rows[chunks[k]]])
        forget_pages(X)


def chunks_of(architecture: Architecture, n_rows: int) -> list[slice]:
    """Slices that divide ``n_rows`` rows into chunks. The size of a chunk depends on the architecture only."""
    rows = max(1, min(CHUNK_ROWS, CHUNK_VALUES // architecture.max_row_values))
    return [slice(start, start + rows) for start in range(0, n_rows, rows)]
