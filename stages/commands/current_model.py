"""The current network in artifacts/train/, with its receipt; a warning says if a run would train another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.figures import values_of
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


def load_model(project: Project, current: Current, n_pixels: int | None = None) -> Model:
    """The network in a result of train; DataError if it cannot be read, or is not for images of ``n_pixels``."""
    predictor = load_predictor(current.folder / "model.npz", n_pixels=n_pixels)
    return Model(predictor, current.receipt, tell_if_stale(project, current, "the model"))
