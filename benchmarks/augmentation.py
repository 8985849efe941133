"""What warping costs: against a dense matrix product, and as a share of a training step.

Alternating runs, medians, on random images: the time does not depend on what they show.
Run it as: python benchmarks/augmentation.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
from in_turn import medians, timed
from threadpoolctl import threadpool_limits

from stages.images.augmentation import Augmentation, Warp
from stages.mlp import Architecture, Dataset, Network, Recipe, fit

RUNS = 7
BATCH_ROWS = 128
STRENGTHS = Augmentation(rotation=10, scale=0.1, shear=0.12, shift=0.036, elastic=0.045)


def alternate(*jobs: Callable[[], object]) -> list[float]:
    """The median seconds of each job, run in turns after one warm-up."""
    for job in jobs:
        job()
    return medians(RUNS, *(partial(timed, job) for job in jobs))


def against_dense_product(X: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    # As a training step does it: a batch at a time, into a buffer of its size.
    warp, out = Warp(STRENGTHS, 28, 28), np.empty((784, BATCH_ROWS), X.dtype).T
    matrix, group = rng.random((784, 784), dtype=np.float32), np.empty((64, 784), np.float32)

    def warped() -> None:
        for start in range(0, len(X), BATCH_ROWS):
            warp.warp(X[start : start + BATCH_ROWS], rng, out)

    def dense() -> None:
        for start in range(0, len(X), 64):
            np.matmul(X[start : start + 64], matrix, out=group)

    with threadpool_limits(1):
        ours, product = alternate(warped, dense)
    print(f"one core: {ours / len(X) * 1e6:.2f} us an image; bare dense products {product / len(X) * 1e6:.2f} us")
    print(f"ratio: {product / ours:.1f}")


def share_of_a_step(X: np.ndarray, hidden: tuple[int, ...], batch_size: int) -> None:
    Y = np.eye(10, dtype=np.float32)[np.random.default_rng(0).integers(0, 10, len(X))]
    recipe = Recipe(epochs=1, batch_size=batch_size)
    network = Network(Architecture(n_inputs=784, n_classes=10, hidden=hidden))
    network.initialise(np.random.default_rng(0))
    job = partial(fit, network, Dataset(X, Y), recipe)
    plain, warped = alternate(job, partial(job, augment=lambda: Warp(STRENGTHS, 28, 28)))
    name = "-".join(map(str, hidden))
    print(f"{name}, batch {batch_size}, {recipe.replicas} replicas: {100 * (1 - plain / warped):.1f} % of a step")


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    X = np.random.default_rng(0).random((12_800, 784), dtype=np.float32)
    against_dense_product(X)
    share_of_a_step(X, (256, 64), 128)
    share_of_a_step(X, (1024, 512), 256)
    print("at 1024-512 it should be below 15 %")


if __name__ == "__main__":
    main()
