"""What becomes of an image in training: the part that split puts its row into, and the copies that are warped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.images.augmentation import Augmentation, warped_copies
from stages.shared.arrays import Pixels
from stages.split.normalise import normalise
from stages.train.member import settings_of

if TYPE_CHECKING:
    from stages.split.documents import Normaliser
    from stages.train.parameters import TrainParameters


def part_of(row: int, folder: Path) -> str:
    """Where split put a row of train.parquet: ``training``, ``validation``, or ``unused``."""
    for part in ("training", "validation"):
        rows = np.load(folder / f"rows_{part.removesuffix('ing')}.npy", mmap_mode="r")
        if (rows == row).any():
            return part
    return "unused"


def warped(image: Pixels, copies: int, parameters: TrainParameters, normaliser: Normaliser) -> list[Pixels]:
    """``copies`` of ``image`` (height, width), warped as in training with these settings; none without augmentation."""
    augmentation = Augmentation(**settings_of(parameters, Augmentation))
    if not augmentation.is_active:
        return []
    shown = normalise(image, normaliser, np.dtype(np.float32))
    warped_images = warped_copies(shown, augmentation, np.random.default_rng(parameters.seed), copies)
    return list(np.round(warped_images.clip(0, 1) * normaliser.scale + normaliser.offset).astype(np.uint8))
