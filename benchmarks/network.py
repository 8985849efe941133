"""How fast the network is, beside PyTorch, scikit-learn, its bare matrix products and the tutorial.

``python benchmarks/network.py ZIP [--rounds N]`` (or DIGIT_RECOGNIZER_ZIP in the environment) needs the
``bench`` extra. Each runs in a process of its own (in_turn.py) on the same rows, batches and threads, in turn, N times
over; what is printed are medians and their ratios beside the targets. An epoch is a third of a training of three, so
that what is done once, as starting processes, counts for a third too. A peer that is not installed is left out.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tutorial
from arguments import parser_with_zip
from in_turn import in_turn, show
from threadpoolctl import threadpool_info, threadpool_limits

from stages.mlp import Architecture, Dataset, Network, Recipe, fit
from stages.mlp.training.data.shuffling import epoch_rng
from stages.presets import PRESETS

THREADS = 2
EPOCHS = 3
LEARNING_RATE = 1e-3
CONVOLUTIONS = {
    name: PRESETS["long"]["train"][name] for name in ("filters", "kernel", "stride", "hidden", "batch_norm")
}
ALL = 31_000  # rows


def save_rows(path: str, folder: str) -> None:
    """Save the tutorial's 31,000 labelled rows, as rows, in float32.

    The processes that are compared read these files. A process that has read the CSV itself keeps hundreds of
    megabytes of small pages, which forking copies, and which no stage of the pipeline has when it trains.
    """
    X, Y, X_validation, Y_validation = tutorial.load_data(path)
    for name, columns in (("X", np.hstack([X, X_validation])), ("Y", np.hstack([Y, Y_validation]))):
        np.save(Path(folder, f"{name}.npy"), np.ascontiguousarray(columns.T, np.float32))


def on_rows(folder: str, n: int, run: Callable[..., tuple[float, Any]], *arguments: Any) -> tuple[float, Any]:
    """``run`` on the first ``n`` saved rows, which the process that runs it reads itself."""
    X, Y = (np.load(Path(folder, f"{name}.npy")) for name in "XY")
    return run(X[:n], Y[:n], *arguments)


def make_network(X: np.ndarray, Y: np.ndarray, architecture: dict) -> Network:
    """The network that all begin with."""
    network = Network(Architecture(X.shape[1], Y.shape[1], image=(28, 28), **architecture))
    network.initialise(np.random.default_rng(0))
    return network


def ours(X: np.ndarray, Y: np.ndarray, architecture: dict, batch_size: int) -> tuple[float, float]:
    network = make_network(X, Y, architecture)
    recipe = Recipe(
        epochs=EPOCHS,
        batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        beta2=0.999,
        replicas=THREADS,
    )
    start = time.perf_counter()
    history = fit(network, Dataset(X, Y), recipe)
    return (time.perf_counter() - start) / EPOCHS, history.epochs[-1].train_loss


def torch_network(n_classes: int, hidden: tuple, filters=(), kernel=(), stride=(), *, batch_norm=False):
    """The same network as ours, on rows of 784 pixels."""
    import torch

    nn, layers, channels, side = torch.nn, [], 1, 28
    for n_filters, size, step in zip(filters, kernel, stride, strict=True):
        normalised = [nn.BatchNorm2d(n_filters)] if batch_norm else []
        layers += [nn.Conv2d(channels, n_filters, size, step, size // 2), *normalised, nn.ReLU()]
        channels, side = n_filters, -(-side // step)
    layers = [nn.Unflatten(1, (1, 28, 28)), *layers, nn.Flatten()] if filters else []
    for n_in, n_out in pairwise((channels * side**2, *hidden, n_classes)):
        layers += [nn.Linear(n_in, n_out), *([nn.BatchNorm1d(n_out)] if batch_norm else []), nn.ReLU()]
    return nn.Sequential(*layers[: -2 if batch_norm else -1])


def torch_epoch(X: np.ndarray, Y: np.ndarray, architecture: dict, batch_size: int) -> tuple[float, float]:
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    model = torch_network(Y.shape[1], **architecture)
    weights = make_network(X, Y, architecture).weights
    layers = [layer for layer in model if hasattr(layer, "weight") and layer.weight.ndim > 1]
    with torch.no_grad():
        for i, layer in enumerate(layers, start=1):
            layer.weight.copy_(torch.from_numpy(weights[f"W{i}"].T.reshape(layer.weight.shape)))
            layer.bias.zero_()
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    loss_of = torch.nn.CrossEntropyLoss()
    inputs, labels = torch.from_numpy(X), torch.from_numpy(Y.argmax(axis=1))
    start = time.perf_counter()
    for _ in range(EPOCHS):
        order = torch.randperm(len(X))
        total = torch.zeros(())
        for at in range(0, len(X), batch_size):
            batch = order[at : at + batch_size]
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(model(inputs[batch]), labels[batch])
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(batch)
    return (time.perf_counter() - start) / EPOCHS, float(total) / len(X)


def sklearn_epoch(X: np.ndarray, Y: np.ndarray, architecture: dict, batch_size: int) -> tuple[float, float]:
    from sklearn.neural_network import MLPClassifier

    hidden = architecture["hidden"]
    model = MLPClassifier(hidden, batch_size=batch_size, learning_rate_init=LEARNING_RATE, alpha=0, random_state=0)
    labels = Y.argmax(axis=1)
    with threadpool_limits(THREADS):
        start = time.perf_counter()
        for _ in range(EPOCHS):
            model.partial_fit(X, labels, classes=np.arange(Y.shape[1]))
        return (time.perf_counter() - start) / EPOCHS, model.loss_


def products_epoch(X: np.ndarray, Y: np.ndarray, architecture: dict, batch_size: int) -> tuple[float, float]:
    """Nothing but the matrix products of an epoch, with the threads of BLAS."""
    sizes = (X.shape[1], *architecture["hidden"], Y.shape[1])
    rng = np.random.default_rng(0)
    A = [rng.random((batch_size, n), dtype=np.float32) for n in sizes]
    W = [rng.random((n_in, n_out), dtype=np.float32) for n_in, n_out in pairwise(sizes)]
    dW = [np.empty_like(each) for each in W]
    with threadpool_limits(THREADS):
        start = time.perf_counter()
        for _ in range(EPOCHS * (len(X) // batch_size)):
            for i, each in enumerate(W):
                np.matmul(A[i], each, out=A[i + 1])
            for i in range(len(W) - 1, -1, -1):
                np.matmul(A[i].T, A[i + 1], out=dW[i])
                if i:
                    np.matmul(A[i + 1], W[i].T, out=A[i])
        return (time.perf_counter() - start) / EPOCHS, float("nan")


def seed_rows(X: np.ndarray, Y: np.ndarray, who: str) -> tuple[float, dict[str, np.ndarray]]:
    """Train one row at a time, ours or the tutorial, from the same weights in the same order; returns the weights."""
    network = Network(Architecture(X.shape[1], Y.shape[1], (256, 64)))
    network.initialise(np.random.default_rng(0), "tutorial")
    if who == "tutorial":
        parameters = {
            name: np.array(values.T if values.ndim == 2 else values[:, None], float)
            for name, values in network.weights.items()
        }
        columns, labels = X.T.astype(float), Y.T.astype(float)
        start = time.perf_counter()
        parameters = tutorial.train(columns, labels, parameters, [epoch_rng(0, 1).permutation(len(X))], report=0)
        seconds = time.perf_counter() - start
        return seconds, {name: values.T.reshape(network.weights[name].shape) for name, values in parameters.items()}
    recipe = Recipe(epochs=1, batch_size=1, optimiser="sgd", learning_rate=0.01, schedule="constant")
    start = time.perf_counter()
    fit(network, Dataset(X, Y), recipe)
    return time.perf_counter() - start, {name: np.array(values) for name, values in network.weights.items()}


def beside_a_busy_process(X: np.ndarray, Y: np.ndarray, architecture: dict, batch_size: int) -> tuple[float, float]:
    """Ours, beside a third process that wants a core."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            return ours(X, Y, architecture, batch_size)
        finally:
            busy.kill()


PEERS = {
    "PyTorch": torch_epoch,
    "scikit-learn": sklearn_epoch,
    "products": products_epoch,
    "beside a busy process": beside_a_busy_process,
}
MODULES = {"PyTorch": "torch", "scikit-learn": "sklearn"}


def compare(folder: str, n: int, architecture: dict, batch_size: int, rounds: int, targets: dict[str, float]) -> None:
    """Our epoch of ``n`` rows, and that of each peer that has a target."""
    runs = {"ours": ours} | {name: PEERS[name] for name in targets if find_spec(MODULES.get(name, "numpy"))}
    found = in_turn(
        rounds, {name: partial(on_rows, folder, n, run, architecture, batch_size) for name, run in runs.items()}
    )
    print(f"{architecture}, batch {batch_size}, Adam, an epoch of {n:,} rows")
    for name, (seconds, loss) in found.items():
        print(f"  {name:<21} {seconds:7.3f} s" + ("" if np.isnan(loss) else f"   training loss {loss:.4f}"))
    for name, target in targets.items():
        if name not in found:
            print(f"  {name} is not installed")
            continue
        ratio = found[name][0] / found["ours"][0]
        if name in MODULES:
            show(f"times as fast as {name}", ratio, f">= {target}", reached=ratio >= target)
        elif name == "products":
            show(
                "time, in times that of the matrix products alone",
                1 / ratio,
                f"<= {target}",
                reached=1 / ratio <= target,
            )
        else:
            show("time beside a busy process, in times that without", ratio, f"<= {target}", reached=ratio <= target)


def compare_seed(folder: str, rounds: int, n: int = 3000) -> None:
    found = in_turn(rounds, {who: partial(on_rows, folder, n, seed_rows, who) for who in ("ours", "tutorial")})
    (seconds, weights), (tutorials, expected) = found["ours"], found["tutorial"]
    print(f"preset seed, {1e6 * seconds / n:.0f} against {1e6 * tutorials / n:.0f} us a row")
    ratio = tutorials / seconds
    show("times as fast as the tutorial's transcription", ratio, ">= 5", reached=ratio >= 5)
    apart = max(float(np.abs(weights[name] - expected[name]).max()) for name in weights)
    print(f"  largest difference of a weight after {n:,} steps: {apart:.1e}")


def main() -> None:
    parser = parser_with_zip(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rounds, fewer = options.rounds, max(3, options.rounds // 2)
    kernels = {f"{each['internal_api']} {each.get('architecture', '')}" for each in threadpool_info()}
    print(f"kernels: {', '.join(sorted(kernels))}")
    with TemporaryDirectory() as folder:
        save_rows(options.zip, folder)
        of_both = {"beside a busy process": 2.2}
        small, large = {"hidden": (256, 64)}, {"hidden": (1024, 512)}
        compare(folder, ALL, small, 128, rounds, {"PyTorch": 2.0, "products": 1.75, "scikit-learn": 2.5, **of_both})
        compare(folder, ALL, large, 256, fewer, {"PyTorch": 1.75, "products": 1.4, **of_both})
        compare(folder, 12_800, CONVOLUTIONS, 128, 3, {"PyTorch": 1.0})
        compare_seed(folder, rounds)


if __name__ == "__main__":
    main()
