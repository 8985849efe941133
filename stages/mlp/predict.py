"""Prediction: the probability of every class for any number of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stages.mlp.architecture import Architecture
from stages.mlp.arrays import Floats, Rows, forget_pages
from stages.mlp.network import Network
from stages.mlp.parallel.threads import Threads

# Rows go through the network this many at a time, whatever the number of threads: memory is bounded, and rounding is
# the same everywhere.
CHUNK_ROWS = 512
CHUNK_VALUES = 2**22  # in any layer; where images are large, chunks have fewer rows


def predict_proba(network: Network, X: Floats, *, threads: int = 2) -> Floats:
    """The probability of every class for every row: (m, n_inputs) -> (m, n_classes).

    ``X`` may be memory-mapped, and is read in chunks. It may be a table of pandas. The result does not depend on
    ``threads``.

    Raises
    ------
    ValueError
        ``X`` is not a matrix of ``n_inputs`` columns, or there are no threads.

    Examples
    --------
    >>> import numpy as np
    >>> network = Network(Architecture(n_inputs=4, n_classes=3))
    >>> predict_proba(network, np.ones((2, 4)))
    array([[0.33333334, 0.33333334, 0.33333334],
           [0.33333334, 0.33333334, 0.33333334]], dtype=float32)
    """
    architecture, X = network.architecture, np.asanyarray(X)  # a mapped file stays one
    if X.ndim != 2 or X.shape[1] != architecture.n_inputs:
        raise ValueError(f"X must have the shape (m, {architecture.n_inputs}), not {X.shape}")
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
    """Part ``index`` of ``count`` of the chunks of ``X``, or of its ``rows``: number, place and logits of each."""
    chunks = chunks_of(network.architecture, len(X if rows is None else rows))
    for k in range(index, len(chunks), count):
        yield k, chunks[k], network.logits(network.prepare(X[chunks[k] if rows is None else rows[chunks[k]]]))
        forget_pages(X)


def chunks_of(architecture: Architecture, n_rows: int) -> list[slice]:
    """The chunks in which ``n_rows`` go through the network; how many rows each has depends on it alone."""
    rows = max(1, min(CHUNK_ROWS, CHUNK_VALUES // architecture.values))
    return [slice(start, start + rows) for start in range(0, n_rows, rows)]
