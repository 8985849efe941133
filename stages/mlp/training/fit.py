"""``fit``: the training of a network, from its arguments to the history."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import forget_pages
from stages.mlp.network import Network
from stages.mlp.parallel.make_group import make_group
from stages.mlp.training.checkpoint import load_checkpoint
from stages.mlp.training.data.dataset import Dataset
from stages.mlp.training.data.mini_batch import Warper
from stages.mlp.training.epoch_loop import EpochLoop
from stages.mlp.training.history import History
from stages.mlp.training.recipe import Recipe, RunOptions
from stages.mlp.training.training_state import TrainingState
from stages.mlp.training.validation import Validation

# The checksum in a checkpoint covers about so many rows of X, evenly spread, and all labels and indices.
SAMPLED_ROWS = 200


def fit(
    network: Network,
    data: Dataset,
    recipe: Recipe,
    *,
    validation: Dataset | None = None,
    augment: Callable[[], Warper] | None = None,
    options: RunOptions | None = None,
) -> History:
    """Train ``network`` in place. It ends with the weights of the best or the last epoch (``recipe.keep``).

    Parameters
    ----------
    data : the training rows
    recipe : settings with an effect on the weights
    validation : rows for validation after each epoch
    augment : makes a warper; called once per epoch and replica
    options : settings without an effect on the weights

    Raises
    ------
    ValueError
        The shape of the rows does not fit the network, all weights of a network of several layers are 0,
        ``recipe.batch_size`` is below two rows for each replica and a dense layer is batch-normalised,
        ``options.checkpoint`` is no file or in no folder, or ``options.parallel`` is unknown.
    DivergedError
        The loss is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from stages.mlp import Architecture
    >>> X = np.random.default_rng(0).random((200, 2), dtype=np.float32)
    >>> data = Dataset(X, np.eye(2)[(X[:, 0] > X[:, 1]).astype(int)])
    >>> network = Network(Architecture(n_inputs=2, n_classes=2, hidden=(16,)))
    >>> network.initialise(np.random.default_rng(0))
    >>> history = fit(network, data, Recipe(epochs=30, batch_size=20), validation=data)
    >>> history.best_epoch.validation_accuracy > 0.95
    True
    """
    options = options or RunOptions()
    check_network(network, data, *([] if validation is None else [validation]))
    recipe.check_rows_per_replica(network.architecture)
    training = TrainingState(network, recipe, data)
    if options.checkpoint is not None:
        X, rows = training.X, training.rows
        sample = X[rows[:: -(-len(rows) // SAMPLED_ROWS)]]
        forget_pages(X)  # the system has read a megabyte around each row
        training.checksum = repr(augment) + fingerprint(network.parameters, sample, training.Y, rows)
        load_checkpoint(options.checkpoint, training)
    validator = None if validation is None else Validation(training.candidate, validation, recipe.replicas)
    group = make_group(recipe.replicas, options.parallel)
    loop = EpochLoop(training, group, validation=validator, augment=augment, options=options)
    if not loop.stopped:
        group.run(loop.run)
    network.parameters[...] = training.best_parameters
    network.statistics[...] = training.best_statistics
    return History(tuple(training.epochs), training.best, loop.stopped)


def check_network(network: Network, *datasets: Dataset) -> None:
    """Raise ValueError if the shapes of ``datasets`` do not fit, or if all weights of several layers are 0."""
    architecture, n_layers = network.architecture, network.architecture.n_layers
    for data in datasets:
        for name, width in (("X", architecture.n_inputs), ("Y", architecture.n_classes)):
            shape = getattr(data, name).shape
            if shape[1] != width:
                raise ValueError(f"{name} must have the shape (M, {width}), as the network has it, not {shape}")
    if n_layers > 1 and not any(network.weights[f"W{i + 1}"].any() for i in range(n_layers)):
        # All activations but sigmoid turn 0 into 0. Then all gradients of weights are 0, so the weights would stay 0.
        # With sigmoid (and no dropout) they change, but all hidden values of a layer stay equal.
        raise ValueError("the network has no weights yet: network.initialise(np.random.default_rng(0)) draws them")


def fingerprint(*arrays: npt.NDArray[Any]) -> str:
    """A checksum of dtypes, shapes and values."""
    parts = [f"{array.dtype}{array.shape}{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}" for array in arrays]
    return " ".join(parts)
