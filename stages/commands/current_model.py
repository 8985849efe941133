"""The current network in artifacts/train/, with its receipt; a warning says if a run would train another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.figures import values_of
from pipeline.planning.current_result import find_current, require_current
from pipeline.task import silent_progress
from stages.commands.stale_result import tell_if_stale
from stages.split.documents import Normaliser
from stages.split.normalise import normalise
from stages.train.predictor import Predictor, load_predictor

if TYPE_CHECKING:
    from pipeline.planning.current_result import Current
    from pipeline.planning.project import Project
    from pipeline.store.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Model:
    """A trained network, the receipt of its result, and why a run would train another one, empty if it would not."""

    predictor: Predictor
    receipt: Receipt
    stale: str

    @property
    def classes(self) -> tuple[int | str, ...]:
        return self.predictor.classes

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The probabilities (m, n_classes) for raw images (m, n_pixels), as they stand in a CSV."""
        images = self.predictor.images
        normaliser = Normaliser(kind="range", offset=images.offset, scale=images.scale)
        return self.predictor.probabilities(normalise(pixels, normaliser, np.dtype(np.float32)), silent_progress)

    def data(self) -> dict[str, Any]:
        """The network as --json prints it."""
        return {
            "key": self.receipt.work.key,
            "figures": values_of(self.receipt.figures),
            "origin": self.receipt.origin,
            "stale": self.stale,
        }


def require_model(project: Project) -> Model:
    """The current network; StageError or DataError if it is missing or cannot be read."""
    return load_model(project, require_current(project, "train"))


def find_model(project: Project, *, n_pixels: int) -> Model | None:
    """The current network, or None if none was trained yet; DataError if it is not for images of ``n_pixels``."""
    current = find_current(project, "train")
    return load_model(project, current, n_pixels) if current else None


def load_model(project: Project, current: Current, n_pixels: int | None = None) -> Model:
    """The network in a result of train."""
    predictor = load_predictor(current.folder / "model.npz", n_pixels=n_pixels)
    return Model(predictor, current.receipt, tell_if_stale(project, current, "the model"))
