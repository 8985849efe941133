"""A trained network at work: load it with the labels of its classes, and ask it about many rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.stage import Progress
from stages.mlp import ModelFileError, Network, load, predict_proba

BLOCK_ROWS = 4096  # between two reports of progress


@dataclass(frozen=True, slots=True)
class Predictor:
    """A network and the original label of each of its classes, in the order of its outputs."""

    network: Network
    classes: tuple[int | str, ...]

    def probabilities(self, X: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        """The probability of every class for every row of ``X`` (m, n_pixels): (m, n_classes)."""
        P = np.empty((len(X), len(self.classes)), dtype=np.float32)
        for first_row in range(0, len(X), BLOCK_ROWS):
            block = slice(first_row, first_row + BLOCK_ROWS)
            P[block] = predict_proba(self.network, X[block])
            progress(min(block.stop, len(X)), len(X))
        return P


def load_predictor(path: Path, *, n_pixels: int) -> Predictor:
    """The network in the file ``path`` that train wrote.

    Raises
    ------
    DataError
        The file is no model, is damaged, or was trained on images of another size than ``n_pixels``.
    """
    mend = "pipeline run train --force"
    try:
        network = load(path)
    except (ModelFileError, OSError) as error:
        raise DataError(f"the model cannot be read: {error}", where=str(path), mend=mend) from error
    n_inputs = network.architecture.n_inputs
    if network.images is None or n_inputs != n_pixels:
        raise DataError(
            f"the model was trained on other images: {n_inputs} pixels, and these have {n_pixels}",
            where=str(path),
            mend=mend,
        )
    return Predictor(network, network.images.classes)
