"""Training: epochs of steps, validation after each, the best kept, and a checkpoint to go on from."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats, Rows, forget_pages
from stages.mlp.gradient_descent.step import Warper
from stages.mlp.network import Network
from stages.mlp.parallel.make_group import make_group
from stages.mlp.training.checkpoint import Training, load_checkpoint
from stages.mlp.training.epoch_loop import EpochLoop, OnEpoch, OnStep
from stages.mlp.training.history import History
from stages.mlp.training.recipe import Recipe
from stages.mlp.training.validation import Validation

# Of so many rows, evenly spread, a checkpoint remembers a checksum.
SAMPLED_ROWS = 200
SUM_TOLERANCE = 1e-3  # soft labels may be rounded


def fit(
    network: Network,
    X: Floats,
    Y: Floats,
    recipe: Recipe,
    *,
    rows: Rows | None = None,
    X_validation: Floats | None = None,
    Y_validation: Floats | None = None,
    augment: Callable[[], Warper] | None = None,
    checkpoint: str | Path | None = None,
    on_step: OnStep | None = None,
    on_epoch: OnEpoch | None = None,
    parallel: str | None = None,
) -> History:
    """Train ``network`` in place and leave in it the weights of the best epoch, or the last (``recipe.keep``).

    Parameters
    ----------
    X, Y : (m, n_inputs) and one-hot (m, n_classes), arrays or what NumPy makes arrays of, as tables of pandas.
        ``X`` may be memory-mapped: rows are read batch by batch. A row of ``Y`` may be soft, that is probabilities.
        A network that deskews is given ``network.prepare(X)``, here and below
    rows : train on these rows of ``X`` and ``Y`` only, (m_rows,), as if there were no others; nothing is copied
    X_validation, Y_validation : the same of rows that are only looked at
    augment : makes what warps training rows; called once a replica
    checkpoint : a file written after every epoch. If it is of the same training, that is taken up again and
        ends with the weights that it would have had without the break. In another process it is known by how
        ``augment`` prints: a functools.partial does so in the same way, a lambda does not
    on_step : called after every step with its number (from 1), how many there are, the batch's summed loss,
        and the number of its rows that were right
    on_epoch : called after every epoch, like ``on_step`` in the caller's process and with NumPy's settings for training
        (overflow passes in silence). What they change of the rows or the warpers, other processes do not see
    parallel : processes or threads, which the replicas run in; the weights are the same. Unless said, what is faster
        here, or threads if the caller is not the main thread. While processes are at it, no other thread of the caller
        may multiply matrices: a process forked at that moment waits for ever for a lock of the matrix library

    Raises
    ------
    ValueError
        Shapes that do not fit together, labels that are no probabilities, no rows, row numbers that do not exist, or a
        network without weights.
    DivergedError
        The loss is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from stages.mlp import Architecture
    >>> X = np.random.default_rng(0).random((200, 2), dtype=np.float32)
    >>> Y = np.eye(2)[(X[:, 0] > X[:, 1]).astype(int)]
    >>> network = Network(Architecture(n_inputs=2, n_classes=2, hidden=(16,)))
    >>> network.initialise(np.random.default_rng(0))
    >>> history = fit(network, X, Y, Recipe(epochs=30, batch_size=20), X_validation=X, Y_validation=Y)
    >>> history.best_epoch.validation_accuracy > 0.95
    True
    """
    X, Y = np.asanyarray(X), np.asanyarray(Y)  # a mapped file stays one
    check_rows(network, X, Y, "X", "Y")
    n_layers = network.architecture.n_layers
    if n_layers > 1 and not any(network.weights[f"W{i + 1}"].any() for i in range(n_layers)):
        # Weights of 0 let no gradient through, so they would stay 0.
        raise ValueError("the network has no weights yet: network.initialise(np.random.default_rng(0)) draws them")
    if rows is not None:
        check_chosen(rows, len(X))
    if (X_validation is None) != (Y_validation is None):
        raise ValueError("X_validation and Y_validation go together")
    if X_validation is not None and Y_validation is not None:
        X_validation, Y_validation = np.asanyarray(X_validation), np.asanyarray(Y_validation)
        check_rows(network, X_validation, Y_validation, "X_validation", "Y_validation")
    Y = np.ascontiguousarray(Y, network.parameters.dtype)
    if not X.flags.c_contiguous:
        X = np.ascontiguousarray(X)  # as of a table, column by column: NumPy would copy all of it to take some rows
    training = Training(network, recipe, X, Y, np.arange(len(X)) if rows is None else rows)
    validation = None
    if X_validation is not None and Y_validation is not None:
        labels = np.asarray(Y_validation, network.parameters.dtype)
        validation = Validation(training.candidate, X_validation, labels, recipe.replicas)
    if checkpoint is not None:
        checkpoint, rows = Path(checkpoint), training.rows
        sample = X[rows[:: -(-len(rows) // SAMPLED_ROWS)]]
        forget_pages(X)  # each row has brought a megabyte of its neighbours with it
        training.work = repr(augment) + fingerprint(network.parameters, sample, Y, rows)
        load_checkpoint(checkpoint, training)
    with make_group(recipe.replicas, parallel) as group:
        loop = EpochLoop(
            training,
            group,
            validation=validation,
            augment=augment,
            checkpoint=checkpoint,
            on_step=on_step,
            on_epoch=on_epoch,
        )
        if not loop.stopped:
            group.run(loop.run)
    network.parameters[...] = training.best_parameters
    network.statistics[...] = training.best_statistics
    return History(tuple(training.epochs), training.best, loop.stopped)


def fingerprint(*arrays: npt.NDArray[Any]) -> str:
    """A checksum of shapes, types and values."""
    parts = [f"{array.dtype}{array.shape}{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}" for array in arrays]
    return " ".join(parts)


def check_rows(network: Network, X: Floats, Y: Floats, x_name: str, y_name: str) -> None:
    """Raise ValueError unless ``X`` and ``Y`` are rows for ``network``."""
    architecture = network.architecture
    if X.ndim != 2 or X.shape[1] != architecture.n_inputs or not len(X):
        raise ValueError(f"{x_name} must have the shape (m, {architecture.n_inputs}) with m >= 1, not {X.shape}")
    if not np.issubdtype(X.dtype, np.floating):
        raise ValueError(f"{x_name} must be of float32 or float64, not {X.dtype}")
    if Y.shape != (len(X), architecture.n_classes):
        raise ValueError(f"{y_name} must have the shape {(len(X), architecture.n_classes)}, not {Y.shape}")
    is_right = (np.abs(Y.sum(axis=1) - 1) < SUM_TOLERANCE) & (Y >= 0).all(axis=1)
    if not is_right.all():
        row = int(np.argmin(is_right))
        what = f"every row of {y_name} must be one-hot, or probabilities that sum to 1"
        raise ValueError(f"{what}; row {row} is {Y[row]}")


def check_chosen(rows: Rows, m: int) -> None:
    """Raise ValueError unless ``rows`` are numbers of some of ``m`` rows."""
    if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
        found = f"{rows.dtype} {rows.shape}"
        raise ValueError(f"rows must be whole numbers, (m_rows,), not {found}; of a mask, take np.flatnonzero")
    if not len(rows):
        raise ValueError("there are no rows to train on")
    if rows.min() < 0 or rows.max() >= m:
        raise ValueError(f"rows names row {rows.min() if rows.min() < 0 else rows.max()}; they go from 0 to {m - 1}")
