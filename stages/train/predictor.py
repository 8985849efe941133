"""Load a trained model with the labels of its classes, and predict many rows.

A model is one network or several; the probabilities of several are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.task import Progress
from stages.images.deskew import deskewed
from stages.images.model_images import Images
from stages.mlp import Network, forget_pages, load_members, predict_proba
from stages.train.images_of_model import images_of

BLOCK_ROWS = 4096  # between two reports of progress


@dataclass(frozen=True, slots=True)
class Predictor:
    """Networks, and what they know of their images: all the same, except that each may deskew in another way."""

    networks: tuple[Network, ...]
    images: Images

    @property
    def classes(self) -> tuple[int | str, ...]:
        """The original label of each of their classes, in the order of their outputs."""
        return self.images.classes

    def probabilities(self, X: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        """The probability of every class for every row of ``X`` (m, n_pixels): (m, n_classes)."""
        P = np.empty((len(X), len(self.classes)), dtype=np.float32)
        for first_row in range(0, len(X), BLOCK_ROWS):
            block = slice(first_row, first_row + BLOCK_ROWS)
            P[block] = self.each(X[block], range(len(self.networks))).mean(axis=0)
            progress(min(block.stop, len(X)), len(X))
            forget_pages(X)
        return P

    def each(self, X: NDArray[np.float32], members: Sequence[int]) -> NDArray[np.float32]:
        """The probabilities that each of some networks gives for ``X`` (m, n_pixels): (n_members, m, n_classes).

        Raises
        ------
        DataError
            The images, or the probabilities, are not finite.
        """
        if not np.isfinite(X).all():
            raise DataError(
                "the images hold values that are not finite", where="split/", hint="pipeline run split --force"
            )
        networks = [self.networks[member] for member in members]
        height, width = self.images.height, self.images.width
        rows = {how: deskewed(X, height, width, how) for how in {network.images["deskew"] for network in networks}}
        P = np.empty((len(networks), len(X), len(self.classes)), np.float32)
        for own_P, network in zip(P, networks, strict=True):
            own_P[...] = predict_proba(network, rows[network.images["deskew"]])
        if not np.isfinite(P).all():
            what = "the network gives probabilities that are not finite: its weights are damaged"
            raise DataError(what, where="train/model.npz", hint="pipeline run train --force")
        return P


def load_predictor(path: Path, *, n_pixels: int | None = None) -> Predictor:
    """The model in the file ``path`` that train wrote, for images of ``n_pixels`` if that is given.

    Raises
    ------
    DataError
        The file is no model, is damaged, or was trained on images of another size than ``n_pixels``.
    """
    hint = "pipeline run train --force"
    try:
        networks = load_members(path)
        images = images_of(networks)
    except (ValueError, OSError) as error:
        raise DataError(f"the model cannot be read: {error}", where=str(path), hint=hint) from error
    n_inputs = networks[0].architecture.n_inputs
    if n_pixels not in {None, n_inputs}:
        raise DataError(
            f"the model was trained on other images: {n_inputs} pixels, and these have {n_pixels}",
            where=str(path),
            hint=hint,
        )
    return Predictor(networks, images)
