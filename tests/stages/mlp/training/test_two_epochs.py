"""Two epochs of a training, beside the same in a plain float64 loop that shares nothing with it but the order of rows.

The network has more parameters than two pieces of the update in each replica's share. The last batch has fewer rows
than there are replicas.
"""

from __future__ import annotations

from math import cos, pi

import numpy as np

from stages.mlp import Architecture, Dataset, Network, Recipe, RunOptions, fit
from stages.mlp.gradient_descent.update import PIECE_SIZE
from stages.mlp.training.data.shuffling import epoch_rng, shuffled

M, N_IN, HIDDEN, K = 9, 300, 500, 250  # rows, inputs, hidden units, classes
RECIPE = Recipe(
    epochs=2,
    batch_size=4,
    learning_rate=0.01,
    schedule="cosine",
    weight_decay=0.01,
    clip_norm=0.5,
    ema=0.5,
    keep="last",
    replicas=2,
)
NAMES = ("W1", "W2", "b1", "b2", "gamma1", "beta1")


def gradients(p: dict, X: np.ndarray, T: np.ndarray, n_rows: int) -> tuple[dict, float, int, tuple]:
    """Of a replica's rows: the gradients, the summed loss, how many are right, and the mean and variance of Z1."""
    m = len(X)
    Z1 = X @ p["W1"] + p["b1"]
    mean, variance = Z1.mean(0), Z1.var(0)
    deviation = np.sqrt(variance + 1e-5)
    normal = (Z1 - mean) / deviation
    Y1 = p["gamma1"] * normal + p["beta1"]
    A1 = np.maximum(Y1, 0)
    Z2 = A1 @ p["W2"] + p["b2"]
    E = np.exp(Z2 - Z2.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    dZ2 = (P - T) / n_rows
    dY1 = (dZ2 @ p["W2"].T) * (Y1 > 0)
    dgamma, dbeta = (dY1 * normal).sum(0), dY1.sum(0)
    dZ1 = p["gamma1"] / deviation * (dY1 - dbeta / m - normal * dgamma / m)
    found = (X.T @ dZ1, A1.T @ dZ2, dZ1.sum(0), dZ2.sum(0), dgamma, dbeta)
    n_right = int((P.argmax(1) == T.argmax(1)).sum())
    moments = (mean, variance * m / (m - 1)) if m > 1 else None
    return dict(zip(NAMES, found, strict=True)), -np.log(P[T == 1]).sum(), n_right, moments


def test_two_epochs_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    X, T = rng.random((M, N_IN)), np.eye(K)[rng.integers(0, K, M)]
    network = Network(Architecture(N_IN, K, (HIDDEN,), batch_norm=True, dtype="float64"))
    network.initialise(rng)
    assert network.parameters.size > 2 * 2 * PIECE_SIZE
    p = {name: network.weights[name].copy() for name in NAMES}
    history = fit(network, Dataset(X, T), RECIPE, options=RunOptions(parallel="threads"))

    m, v = ({name: np.zeros_like(values) for name, values in p.items()} for _ in range(2))
    averaged = {name: values.copy() for name, values in p.items()}
    statistics = np.zeros((2, 2, HIDDEN))  # of each replica: the running mean and variance
    statistics[:, 1] = 1
    step, n_steps = 0, 6
    for epoch in range(2):
        order, losses, n_right = shuffled(M, M, epoch_rng(RECIPE.seed, epoch + 1)), 0.0, 0
        for rows in np.split(order, [4, 8]):
            total = {name: np.zeros_like(values) for name, values in p.items()}
            for replica, own in enumerate((rows[: len(rows) // 2], rows[len(rows) // 2 :])):
                if len(own) == 0:
                    continue
                found, loss, right, moments = gradients(p, X[own], T[own], len(rows))
                for name in NAMES:
                    total[name] += found[name]
                losses, n_right = losses + loss, n_right + right
                if moments is not None:
                    statistics[replica] += 0.1 * (moments - statistics[replica])
            norm = np.sqrt(sum((each**2).sum() for each in total.values()))
            rate, step = 0.01 * (1 + cos(pi * step / n_steps)) / 2, step + 1
            for name in NAMES:
                g = total[name] * min(1, 0.5 / (norm + 1e-6)) + (0.01 * p[name] if name.startswith("W") else 0)
                m[name] = 0.9 * m[name] + 0.1 * g
                v[name] = 0.99 * v[name] + 0.01 * g**2
                p[name] -= rate * (m[name] / (1 - 0.9**step)) / (np.sqrt(v[name] / (1 - 0.99**step)) + 1e-8)
                averaged[name] += 0.5 * (p[name] - averaged[name])
        statistics[:] = statistics.mean(0)
        np.testing.assert_allclose(history.epochs[epoch].train_loss, losses / M, rtol=1e-9)
        assert history.epochs[epoch].train_accuracy == n_right / M

    for name in NAMES:  # the gradient of b1 is nothing but rounding, of which Adam makes up to 1e-9
        np.testing.assert_allclose(network.weights[name], averaged[name], rtol=0, atol=1e-8)
    np.testing.assert_allclose(network.averages["mean1"], statistics[0, 0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(network.averages["variance1"], statistics[0, 1], rtol=0, atol=1e-8)
