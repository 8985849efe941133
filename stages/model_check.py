"""The check of the model file; apart from the other schemas, so that no other stage's code depends on the network's."""

from __future__ import annotations

from pathlib import Path

from stages.mlp import ModelFileError, load
from stages.schemas import damaged


def check_model(path: Path) -> None:
    """model.npz: a network whose weights are finite and have the shapes that its own header says."""
    try:
        network = load(path)
    except ModelFileError as error:
        raise damaged(path, str(error), "train") from error
    if network.images is None or len(network.images.classes) != network.architecture.n_classes:
        raise damaged(path, "it does not name its classes", "train")
