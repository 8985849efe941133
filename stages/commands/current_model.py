"""The current network in artifacts/train/, with its receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.figures import AnyFigure, values_of
from pipeline.planning.current_result import find_current, require_current, why_stale
from pipeline.task import silent_progress
from pipeline.terminal import output
from stages.commands.stale_result import hint_for_stale
from stages.split.documents import Normaliser
from stages.split.normalise import normalise
from stages.train.predictor import Predictor, load_predictor

if TYPE_CHECKING:
    from pipeline.planning.current_result import Current
    from pipeline.planning.project import Project


@dataclass(frozen=True, slots=True)
class Model:
    """A trained network.

    ``key`` is the key of its result. ``stale`` says why a run would train another one, and ``hint`` what to do then.
    """

    predictor: Predictor
    key: str
    figures: Mapping[str, AnyFigure]
    origin: str
    stale: str
    hint: str

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
            "key": self.key,
            "figures": values_of(self.figures),
            "origin": self.origin,
            "stale": self.stale,
        }


def require_model(project: Project) -> Model:
    """The current network; StageError or DataError if it is missing or cannot be read."""
    return load_model(project, require_current(project, "train"))


def tell_if_stale(model: Model) -> None:
    """Warn on standard error if a run with these settings would train another network."""
    output.notify_stale("the model", model.stale, model.hint)


def find_model(project: Project, *, n_pixels: int) -> Model | None:
    """The current network, or None if none was trained yet; DataError if it is not for images of ``n_pixels``."""
    current = find_current(project, "train")
    return load_model(project, current, n_pixels) if current else None


def load_model(project: Project, current: Current, n_pixels: int | None = None) -> Model:
    """The network in a result of train."""
    receipt = current.receipt
    predictor = load_predictor(current.folder / "model.npz", n_pixels=n_pixels)
    stale = why_stale(project, "train")
    hint = hint_for_stale(project, current, "pipeline run train brings it up to date") if stale else ""
    return Model(predictor, receipt.work.key, receipt.figures, receipt.origin, stale, hint)
