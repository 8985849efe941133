"""The check of the model file; apart from the other schemas, so that no other stage's code depends on the network's."""

from __future__ import annotations

from pathlib import Path

from stages.mlp import ModelFileError, load_members
from stages.schemas import damaged


def check_model(path: Path) -> None:
    """model.npz: a network or an ensemble, with finite weights of the shapes that its own header says."""
    try:
        networks = load_members(path)
    except ModelFileError as error:
        raise damaged(path, str(error), "train") from error
    if any(each.images is None or len(each.images.classes) != each.architecture.n_classes for each in networks):
        raise damaged(path, "it does not name its classes", "train")
