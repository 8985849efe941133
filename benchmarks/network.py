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
import tracemalloc
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))

import tutorial
from arguments import parser_with_zip
from in_turn import Run, in_turn

from stages.images.augmentation import Augmentation, Warp
from stages.mlp import Architecture, Dataset, Network, Recipe, RunOptions, fit
from stages.mlp.training.data.shuffling import epoch_rng
from stages.presets import PRESETS

THREADS = 2
EPOCHS = 3
LEARNING_RATE = 1e-3
SMALL, LARGE = ((256, 64), 128), ((1024, 512), 256)
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


@cache
def load(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """What ``save_rows`` saved."""
    return np.load(Path(folder, "X.npy")), np.load(Path(folder, "Y.npy"))


def on_rows(folder: str, n: int, run: Callable[..., tuple[float, Any]], *arguments: Any, **options: Any) -> Run:
    """``run`` on the first ``n`` saved rows, which the process that runs it reads itself."""
    return partial(run_on_rows, folder, n, run, *arguments, **options)


def run_on_rows(
    folder: str, n: int, run: Callable[..., tuple[float, Any]], *arguments: Any, **options: Any
) -> tuple[float, Any]:
    X, Y = load(folder)
    return run(X[:n], Y[:n], *arguments, **options)


def make_network(X: np.ndarray, Y: np.ndarray, architecture: dict) -> Network:
    """The network that all begin with."""
    network = Network(Architecture(X.shape[1], Y.shape[1], image=(28, 28), **architecture))
    network.initialise(np.random.default_rng(0))
    return network


def ours(X: np.ndarray, Y: np.ndarray, architecture: dict, batch_size: int, augment=None) -> tuple[float, float]:
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
    history = fit(network, Dataset(X, Y), recipe, augment=augment)
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


def sklearn_epoch(X: np.ndarray, Y: np.ndarray, hidden: tuple, batch_size: int) -> tuple[float, float]:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(hidden, batch_size=batch_size, learning_rate_init=LEARNING_RATE, alpha=0, random_state=0)
    labels = Y.argmax(axis=1)
    with threadpool_limits(THREADS):
        start = time.perf_counter()
        for _ in range(EPOCHS):
            model.partial_fit(X, labels, classes=np.arange(Y.shape[1]))
        return (time.perf_counter() - start) / EPOCHS, model.loss_


def products_epoch(X: np.ndarray, Y: np.ndarray, hidden: tuple, batch_size: int) -> tuple[float, float]:
    """Nothing but the matrix products of an epoch, with the threads of BLAS."""
    sizes = (X.shape[1], *hidden, Y.shape[1])
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


def seed_rows(X: np.ndarray, Y: np.ndarray, *, transcription: bool) -> tuple[float, dict[str, np.ndarray]]:
    """Train one row at a time, from the same weights in the same order; returns the weights beside the seconds."""
    network = Network(Architecture(X.shape[1], Y.shape[1], (256, 64)))
    network.initialise(np.random.default_rng(0), "tutorial")
    if transcription:
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


def bytes_per_step(X: np.ndarray, Y: np.ndarray, hidden: tuple, batch_size: int) -> int:
    """The most that is allocated, and freed again or not, within any step but the first."""
    before, most = [0], [0]

    def measure(*_: object) -> None:
        current, peak = tracemalloc.get_traced_memory()
        most.append(peak - before[-1])
        before.append(current)
        tracemalloc.reset_peak()

    network = make_network(X, Y, {"hidden": hidden})
    tracemalloc.start()
    fit(network, Dataset(X, Y), Recipe(epochs=1, batch_size=batch_size), options=RunOptions(on_step=measure))
    tracemalloc.stop()
    return max(most[2:])


def show(figure: str, value: float, target: str, *, reached: bool) -> None:
    print(f"  {figure:<58} {value:8.2f}   target {target:<10} {'reached' if reached else 'NOT REACHED'}")


def compare(folder: str, size: tuple, rounds: int, targets: dict[str, float]) -> None:
    hidden, batch_size = size
    of = partial(on_rows, folder, ALL)
    runs: dict[str, Run] = {"ours": of(ours, {"hidden": hidden}, batch_size)}
    if find_spec("torch"):
        runs["PyTorch"] = of(torch_epoch, {"hidden": hidden}, batch_size)
    runs["products"] = of(products_epoch, hidden, batch_size)
    if find_spec("sklearn") and "scikit-learn" in targets:
        runs["scikit-learn"] = of(sklearn_epoch, hidden, batch_size)
    found = in_turn(rounds, runs)
    print(f"{'-'.join(map(str, hidden))}, batch {batch_size}, Adam, an epoch of {ALL:,} rows")
    for name, (seconds, loss) in found.items():
        print(f"  {name:<14} {seconds:7.3f} s" + ("" if np.isnan(loss) else f"   training loss {loss:.4f}"))
    for name, target in targets.items():
        if name not in found:
            print(f"  {name} is not installed")
        elif name == "products":
            ratio = found["ours"][0] / found[name][0]
            show("time, in times that of the matrix products alone", ratio, f"<= {target}", reached=ratio <= target)
        else:
            ratio = found[name][0] / found["ours"][0]
            show(f"times as fast as {name}", ratio, f">= {target}", reached=ratio >= target)


def compare_with_a_busy_machine(folder: str, size: tuple, rounds: int) -> None:
    """Our own epoch beside a third process that wants a core, against the same without it."""
    hidden, batch_size = size
    runs = {"quiet": ours, "beside": beside_a_busy_process}
    found = in_turn(
        rounds, {name: on_rows(folder, ALL, run, {"hidden": hidden}, batch_size) for name, run in runs.items()}
    )
    quiet, loaded = found["quiet"][0], found["beside"][0]
    print(f"  beside a process that wants a core {loaded:7.3f} s")
    show("times the quiet time", loaded / quiet, "<= 2.2", reached=loaded / quiet <= 2.2)


def compare_convolutions(folder: str, batch_size: int = 128, n: int = 12_800) -> None:
    runs = {"ours": on_rows(folder, n, ours, CONVOLUTIONS, batch_size)}
    if find_spec("torch"):
        runs["PyTorch"] = on_rows(folder, n, torch_epoch, CONVOLUTIONS, batch_size)
    found = in_turn(3, runs)
    print(f"the convolutions of preset long, batch {batch_size}, Adam, an epoch of {n:,} rows")
    for name, (seconds, loss) in found.items():
        print(f"  {name:<14} {seconds:7.3f} s   training loss {loss:.4f}")
    if "PyTorch" in found:
        ratio = found["PyTorch"][0] / found["ours"][0]
        show("times as fast as PyTorch", ratio, ">= 1.0", reached=ratio >= 1.0)


def compare_seed(folder: str, rounds: int, n: int = 3000) -> None:
    runs = {"ours": False, "tutorial": True}
    found = in_turn(
        rounds,
        {name: on_rows(folder, n, seed_rows, transcription=transcription) for name, transcription in runs.items()},
    )
    (seconds, weights), (tutorials, expected) = found["ours"], found["tutorial"]
    print(f"preset seed, {1e6 * seconds / n:.0f} against {1e6 * tutorials / n:.0f} us a row")
    ratio = tutorials / seconds
    show("times as fast as the tutorial's transcription", ratio, ">= 5", reached=ratio >= 5)
    apart = max(float(np.abs(weights[name] - expected[name]).max()) for name in weights)
    print(f"  largest difference of a weight after {n:,} steps: {apart:.1e}")


def compare_augmentation(folder: str, rounds: int) -> None:
    strength = Augmentation(rotation=10, scale=0.1, shear=0.1, shift=0.04, elastic=0.04)
    hidden, batch_size = LARGE
    warps = {"plain": None, "augmented": partial(Warp, strength, 28, 28)}
    found = in_turn(
        rounds,
        {
            name: on_rows(folder, 16_384, ours, {"hidden": hidden}, batch_size, augment=warp)
            for name, warp in warps.items()
        },
    )
    share = 100 * (1 - found["plain"][0] / found["augmented"][0])
    print("augmentation at 1024-512, batch 256")
    show("per cent of a training step", share, "< 15", reached=share < 15)


def main() -> None:
    parser = parser_with_zip(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rounds, fewer = options.rounds, max(3, options.rounds // 2)
    kernels = {f"{each['internal_api']} {each.get('architecture', '')}" for each in threadpool_info()}
    print(f"kernels: {', '.join(sorted(kernels))}")
    with TemporaryDirectory() as folder:
        save_rows(options.zip, folder)
        compare(folder, SMALL, rounds, {"PyTorch": 2.0, "products": 1.75, "scikit-learn": 2.5})
        compare_with_a_busy_machine(folder, SMALL, rounds)
        compare(folder, LARGE, fewer, {"PyTorch": 1.75, "products": 1.4})
        compare_with_a_busy_machine(folder, LARGE, fewer)
        compare_convolutions(folder)
        compare_seed(folder, rounds)
        compare_augmentation(folder, fewer)
        X, Y = load(folder)
        kib = max(bytes_per_step(X[:4096], Y[:4096], *size) for size in (SMALL, LARGE)) / 1024
        print("memory")
        show("KiB allocated in a step after the first", kib, "<= 18", reached=kib <= 18)


if __name__ == "__main__":
    main()
