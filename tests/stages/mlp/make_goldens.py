"""What PyTorch in float64 says about small networks; run it, where PyTorch is installed, to write goldens.npz.

``python tests/stages/mlp/make_goldens.py``. A golden holds the parameters, the rows, the loss and its gradient, or
the parameters after 20 steps of an optimiser, all in the layout of ``Network.parameters``.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("goldens.npz")
SIZES, ROWS, N_STEPS, LEARNING_RATE = (6, 5, 4), 7, 20, 0.05

LOSSES: dict[str, dict[str, Any]] = {
    **{name: {"activation": name} for name in ("relu", "leaky_relu", "elu", "gelu", "tanh", "sigmoid")},
    "smoothing": {"label_smoothing": 0.1},
    "batch_norm": {"batch_norm": True, "activation": "tanh"},
    "convolution": {"filters": (3,), "kernel": 3, "stride": 1, "image": (6, 5)},
    "strided_convolutions": {"filters": (3, 4), "kernel": 2, "stride": 2, "image": (7, 6), "activation": "tanh"},
    "normalised_convolutions": {"filters": (3, 4), "kernel": 5, "stride": 2, "image": (7, 6), "batch_norm": True},
    **{
        f"{name}_pooling": {"filters": (3, 4), "kernel": 3, "stride": 1, "image": (7, 6), "pool": 2, "pooling": name}
        for name in ("max", "average")
    },
    "two_classes": {"n_classes": 2},
    "two_classes_smoothing": {"n_classes": 2, "label_smoothing": 0.1},
}
OPTIMISERS: dict[str, dict[str, Any]] = {
    **{name: {"optimiser": name} for name in ("sgd", "momentum", "nesterov", "adam", "adamw")},
    **{f"{name}_decay": {"optimiser": name, "weight_decay": 0.1} for name in ("sgd", "nesterov", "adam", "adamw")},
    "clip": {"optimiser": "momentum", "clip_norm": 0.2},
    "batch_norm": {"optimiser": "momentum", "batch_norm": True, "activation": "tanh"},
    "convolution": {"optimiser": "adam", "filters": (3,), "kernel": 3, "stride": 1, "image": (6, 5)},
}


def n_inputs(case: dict[str, Any]) -> int:
    """Values per row."""
    return int(np.prod(case.get("image", SIZES[0])))


def shapes(case: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The parameters' shapes, in the order of the flat vector."""
    n_classes = case.get("n_classes", 3)
    matrices, n_in = [], n_inputs(case)
    if "filters" in case:
        channels, (height, width), stride = 1, case["image"], case["stride"]
        for n_filters in case["filters"]:
            matrices.append((channels * case["kernel"] ** 2, n_filters))
            step = stride * case.get("pool", 1)
            channels, height, width = n_filters, -(-height // step), -(-width // step)
        n_in = channels * height * width
    matrices += pairwise((n_in, *SIZES[1:], 1 if n_classes == 2 else n_classes))
    found: dict[str, tuple[int, ...]] = {f"W{i}": shape for i, shape in enumerate(matrices, start=1)}
    found |= {f"b{i}": (n,) for i, (_, n) in enumerate(matrices, start=1)}
    if case.get("batch_norm"):
        channels = enumerate((*case.get("filters", ()), *SIZES[1:]), start=1)
        found |= {f"{name}{i}": (n,) for i, n in channels for name in ("gamma", "beta")}
    return found


def problem(case: dict[str, Any]) -> dict[str, np.ndarray]:
    """Parameters, (n,), rows, (ROWS, n_inputs), and labels, (ROWS,)."""
    rng = np.random.default_rng(7)
    n = sum(int(np.prod(shape)) for shape in shapes(case).values())
    return {
        "parameters": rng.standard_normal(n) * 0.7,
        "X": rng.standard_normal((ROWS, n_inputs(case))),
        "labels": rng.integers(0, case.get("n_classes", 3), ROWS),
    }


def make() -> dict[str, np.ndarray]:
    """Every golden array by name, ``case/array``."""
    import torch

    torch.set_num_threads(1)  # more would only wait for each other, at full speed: the matrices have six rows
    found = {}
    for kind, cases in (("loss", LOSSES), ("optimiser", OPTIMISERS)):
        for name, case in cases.items():
            given = problem(case)
            for key, values in {**given, **run(case, given)}.items():
                found[f"{kind}/{name}/{key}"] = np.asarray(values)
    return found


def run(case: dict[str, Any], given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What PyTorch makes of the case."""
    import torch

    tensors = {}
    start = 0
    for name, shape in shapes(case).items():
        stop = start + int(np.prod(shape))
        values = torch.from_numpy(given["parameters"][start:stop].reshape(shape).copy())
        tensors[name] = values.requires_grad_()
        start = stop
    X, labels = torch.from_numpy(given["X"]), torch.from_numpy(given["labels"])
    if "optimiser" not in case:
        loss = loss_of(case, tensors, X, labels)
        loss.backward()
        gradient = np.concatenate([tensor.grad.numpy().ravel() for tensor in tensors.values()])
        return {"loss": loss.detach().numpy(), "gradient": gradient}
    weights = [tensor for name, tensor in tensors.items() if name.startswith("W")]
    others = [tensor for name, tensor in tensors.items() if not name.startswith("W")]
    decay = case.get("weight_decay", 0.0)
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = {
        "sgd": lambda: torch.optim.SGD(groups, lr=LEARNING_RATE),
        "momentum": lambda: torch.optim.SGD(groups, lr=LEARNING_RATE, momentum=0.9),
        "nesterov": lambda: torch.optim.SGD(groups, lr=LEARNING_RATE, momentum=0.9, nesterov=True),
        "adam": lambda: torch.optim.Adam(groups, lr=LEARNING_RATE, betas=(0.9, 0.99), eps=1e-8),
        "adamw": lambda: torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.99), eps=1e-8),
    }[case["optimiser"]]()
    for _ in range(N_STEPS):
        optimiser.zero_grad()
        loss_of(case, tensors, X, labels).backward()
        if "clip_norm" in case:
            torch.nn.utils.clip_grad_norm_(list(tensors.values()), case["clip_norm"])
        optimiser.step()
    return {"after": np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors.values()])}


def loss_of(case: dict[str, Any], tensors: dict[str, Any], X: Any, labels: Any) -> Any:
    """The mean loss of the batch, as a tensor."""
    from torch.nn import functional

    activation = {
        "relu": functional.relu,
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "gelu": lambda Z: functional.gelu(Z, approximate="tanh"),
        "tanh": functional.tanh,
        "sigmoid": functional.sigmoid,
    }[case.get("activation", "relu")]

    def normalised(A: Any, i: int) -> Any:
        if not case.get("batch_norm"):
            return A
        return functional.batch_norm(A, None, None, tensors[f"gamma{i}"], tensors[f"beta{i}"], training=True, eps=1e-5)

    A, filters = X, case.get("filters", ())
    n_layers = len([name for name in tensors if name[0] == "W"])
    for i, n_filters in enumerate(filters, start=1):
        images = A.reshape(ROWS, 1, *case["image"]) if i == 1 else A
        size = case["kernel"]
        padded = functional.pad(images, ((size - 1) // 2, size // 2) * 2)
        kernels = tensors[f"W{i}"].T.reshape(n_filters, size, size, images.shape[1]).permute(0, 3, 1, 2)
        A = activation(normalised(functional.conv2d(padded, kernels, tensors[f"b{i}"], case["stride"]), i))
        if "pool" in case:
            pool = {"max": functional.max_pool2d, "average": functional.avg_pool2d}[case["pooling"]]
            A = pool(A, case["pool"], ceil_mode=True)
    A = A.reshape(ROWS, -1)
    for i in range(len(filters) + 1, n_layers + 1):
        A = A @ tensors[f"W{i}"] + tensors[f"b{i}"]
        if i < n_layers:
            A = activation(normalised(A, i))
    smoothing = case.get("label_smoothing", 0.0)
    if case.get("n_classes") == 2:
        targets = labels.to(A.dtype) * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(A[:, 0], targets)
    return functional.cross_entropy(A, labels, label_smoothing=smoothing)


if __name__ == "__main__":
    np.savez_compressed(PATH, **make())
    print(f"wrote {PATH.name}: {PATH.stat().st_size:,} bytes")  # noqa: T201 - for who runs it
