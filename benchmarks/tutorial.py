"""The tutorial that the project starts from, as its author would have written it: the measure of all our figures.

A plain transcription, columns are examples, float64, one example at a time; its known faults that do not
change the result are left as they are. It reads Kaggle's zip (``python benchmarks/tutorial.py ZIP``, or the
environment's DIGIT_RECOGNIZER_ZIP), trains 3 epochs on 30,000 rows, and prints the seconds that took and
what 1,000 held-out rows say. It needs NumPy and pandas.
"""

from __future__ import annotations

import time
import zipfile
from typing import Any

import numpy as np
import pandas as pd
from arguments import parser_with_zip

Parameters = dict[str, Any]


def initialise(rng: np.random.Generator) -> Parameters:
    return {
        "W1": rng.standard_normal((256, 784)) * 0.1,
        "b1": np.zeros((256, 1)),
        "W2": rng.standard_normal((64, 256)) * np.sqrt(2 / 256),
        "b2": np.zeros((64, 1)),
        "W3": rng.standard_normal((10, 64)) * 0.1,
        "b3": np.zeros((10, 1)),
    }


def relu(Z: np.ndarray) -> np.ndarray:
    return np.maximum(0, Z)


def softmax(Z: np.ndarray) -> np.ndarray:
    return np.exp(Z) / np.sum(np.exp(Z), axis=0)


def forward(X: np.ndarray, parameters: Parameters) -> tuple[np.ndarray, list[tuple]]:
    caches = []
    A = X
    L = len(parameters) // 2
    for layer in range(1, L + 1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        Z = np.dot(W, A) + b
        caches.append((A, W, b, Z))
        A = softmax(Z) if layer == L else relu(Z)
    return A, caches


def cross_entropy(A: np.ndarray, Y: np.ndarray) -> float:
    return float(-np.sum(Y * np.log(A)) / Y.shape[1])


def backward(A: np.ndarray, Y: np.ndarray, caches: list[tuple]) -> Parameters:
    gradients = {}
    m = Y.shape[1]
    L = len(caches)
    dZ = A - Y
    for layer in range(L, 0, -1):
        A_prev, W, _, _ = caches[layer - 1]
        gradients[f"dW{layer}"] = np.dot(dZ, A_prev.T) / m
        gradients[f"db{layer}"] = np.mean(dZ, axis=1, keepdims=True)
        if layer > 1:
            dA_prev = np.dot(W.T, dZ)
            dZ = dA_prev * (caches[layer - 2][3] > 0)
    return gradients


def update(parameters: Parameters, gradients: Parameters, learning_rate: float) -> Parameters:
    for layer in range(1, len(parameters) // 2 + 1):
        parameters[f"W{layer}"] = parameters[f"W{layer}"] - learning_rate * gradients[f"dW{layer}"]
        parameters[f"b{layer}"] = parameters[f"b{layer}"] - learning_rate * gradients[f"db{layer}"]
    return parameters


def train(
    X: np.ndarray, Y: np.ndarray, parameters: Parameters, orders: list[np.ndarray], report: int = 1000
) -> Parameters:
    """Train on the columns of X (784, m) and Y (10, m), in the order that each of ``orders`` gives."""
    for epoch, order in enumerate(orders):
        total_loss, total_correct = 0.0, 0
        for i, index in enumerate(order, start=1):
            x, y = X[:, [index]], Y[:, [index]]
            A, caches = forward(x, parameters)
            total_loss += cross_entropy(A, y)
            total_correct += int(np.argmax(A) == np.argmax(y))
            gradients = backward(A, y, caches)
            parameters = update(parameters, gradients, 0.01)
            if report and i % report == 0:
                print(f"epoch {epoch + 1}, {i} examples: loss {total_loss / report:.4f}, {total_correct / report:.1%}")
                total_loss, total_correct = 0.0, 0
    return parameters


def evaluate(X: np.ndarray, Y: np.ndarray, parameters: Parameters) -> tuple[float, float]:
    A, _ = forward(X, parameters)
    return float(np.mean(np.argmax(A, axis=0) == np.argmax(Y, axis=0))), cross_entropy(A, Y)


def load_data(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """30,000 training rows and 1,000 validation rows, as columns, and their one-hot labels."""
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("train.csv"))
        table = pd.read_csv(archive.open(name))
    labels = table["label"].to_numpy()
    X = table.drop(columns="label").to_numpy() / 255
    Y = np.eye(10)[labels]
    order = np.random.RandomState(42).permutation(len(X))  # the tutorial's "random state 42"
    n_validation = round(0.1 * len(X))
    train, validation = order[n_validation:][:30000], order[:n_validation][:1000]
    return X[train].T, Y[train].T, X[validation].T, Y[validation].T


def main() -> None:
    X, Y, X_validation, Y_validation = load_data(parser_with_zip(__doc__).parse_args().zip)
    rng = np.random.default_rng(0)
    parameters = initialise(rng)
    orders = [rng.permutation(X.shape[1]) for _ in range(3)]
    start = time.perf_counter()
    parameters = train(X, Y, parameters, orders)
    seconds = time.perf_counter() - start
    accuracy, loss = evaluate(X_validation, Y_validation, parameters)
    print(
        f"training {seconds:.1f} s; on {Y_validation.shape[1]} held-out rows accuracy {accuracy:.2%}, loss {loss:.4f}"
    )


if __name__ == "__main__":
    main()
