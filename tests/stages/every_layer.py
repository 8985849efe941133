"""Networks in which every layer, activation and pooling occurs, and all classes of layers that there are."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import asdict
from typing import Any

import numpy as np

import stages.mlp.layers
from stages.images.deskew import DESKEWS
from stages.images.model_images import Images
from stages.mlp import Architecture, Network
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.layer import Layer
from stages.mlp.layers.pooling import POOLINGS

HEIGHT, WIDTH = 9, 7  # no square, and no multiple of a stride or a window
SHAPE: dict[str, Any] = {"n_inputs": HEIGHT * WIDTH, "image": (HEIGHT, WIDTH)}
CONVOLUTIONS: dict[str, Any] = {
    "filters": (3, 4),
    "kernel": (4, 3),
    "stride": (1, 2),
    "hidden": (5,),
    "batch_norm": True,
}
ARCHITECTURES: dict[str, Architecture] = {
    **{name: Architecture(**SHAPE, n_classes=4, hidden=(6, 5), activation=name) for name in ACTIVATIONS},
    **{
        f"{name} pooling": Architecture(**SHAPE, n_classes=3, **CONVOLUTIONS, dropout=0.2, pool=(2, 1), pooling=name)
        for name in POOLINGS
    },
    "two classes": Architecture(**SHAPE, n_classes=2, hidden=(4,), batch_norm=True),
    "nothing hidden": Architecture(**SHAPE, n_classes=5, hidden=()),
    "float64": Architecture(**SHAPE, n_classes=3, **CONVOLUTIONS, dtype="float64", pool=3),
    "only convolutions": Architecture(**SHAPE, n_classes=2, filters=(2,), kernel=11, stride=3, hidden=()),
}


def made_network(architecture: Architecture, *, deskew: str = "none", labels: str = "int") -> Network:
    """A network of that architecture with random weights and random running averages."""
    classes = tuple(range(3, 3 + architecture.n_classes))
    images = Images(tuple(map(str, classes)) if labels == "str" else classes, HEIGHT, WIDTH, 0.0, 255.0, deskew)
    network, rng = Network(architecture, asdict(images)), np.random.default_rng(0)
    network.initialise(rng)
    for name, values in (network.weights | network.averages).items():
        if name.startswith(("gamma", "variance")):
            values[...] = rng.uniform(0.2, 1.2, values.shape)
        elif not name.startswith("W"):
            values[...] = rng.normal(0, 0.1, values.shape)
    return network


def layer_classes() -> set[type]:
    """Every class below stages/mlp/layers that is a layer: it can predict, and is no mere base or protocol."""
    found = set()
    for module in pkgutil.iter_modules(stages.mlp.layers.__path__):
        for kind in vars(importlib.import_module(f"stages.mlp.layers.{module.name}")).values():
            if inspect.isclass(kind) and hasattr(kind, "predict") and not inspect.isabstract(kind):
                found.add(kind)
    return found - {Layer}


def used_classes() -> set[type]:
    """The classes of the layers in ``ARCHITECTURES``."""
    found = set()
    for architecture in ARCHITECTURES.values():
        found |= {type(layer) for layer in Network(architecture).layers()}
    return found


__all__ = ["ARCHITECTURES", "DESKEWS", "HEIGHT", "WIDTH", "layer_classes", "made_network", "used_classes"]
