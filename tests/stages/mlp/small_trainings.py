"""A small problem, a network for it, and its training with nearly everything that there is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from stages.images.augmentation import Augmentation, Warp
from stages.mlp import Architecture, Dataset, History, Network, Recipe, RunOptions, fit
from stages.mlp.training.data.mini_batch import Warper

M, HEIGHT, WIDTH, K = 203, 4, 5, 3
EVERYTHING = {"dropout": 0.2, "batch_norm": True, "activation": "gelu", "filters": (3, 2), "image": (HEIGHT, WIDTH)}
WARP = partial(Warp, Augmentation(rotation=5, elastic=0.05), HEIGHT, WIDTH)
RECIPE = Recipe(epochs=4, batch_size=32, learning_rate=0.02, ema=0.9, label_smoothing=0.1)


def problem(dtype: str = "float32", n_classes: int = K) -> tuple[np.ndarray, np.ndarray]:
    """Images whose class is their brightest row, one-hot."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, n_classes, M)
    X = rng.random((M, HEIGHT, WIDTH)) * 0.5
    X[np.arange(M), labels] += 0.4
    return X.reshape(M, -1).astype(dtype), np.eye(n_classes, dtype=dtype)[labels]


def make_network(n_classes: int = K, **settings: object) -> Network:
    network = Network(Architecture(HEIGHT * WIDTH, n_classes, (9, 6), **settings))
    network.initialise(np.random.default_rng(1))
    return network


def run(
    recipe: Recipe = RECIPE,
    settings: dict | None = None,
    *,
    rows: np.ndarray | None = None,
    validation: Dataset | None = None,
    augment: Callable[[], Warper] | None = WARP,
    **options: object,
) -> tuple[Network, History]:
    """Train, with ``options`` as ``RunOptions`` has them; validate, unless told otherwise, on the first fifty rows."""
    X, Y = problem()
    network = make_network(**(EVERYTHING if settings is None else settings))
    data, validation = Dataset(X, Y, rows), validation or Dataset(X[:50], Y[:50])
    return network, fit(network, data, recipe, validation=validation, augment=augment, options=RunOptions(**options))
