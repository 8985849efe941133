"""Draw docs/pictures/augmented.png: digits of the training rows, and beside each what the warps make of it.

Run it where `pipeline run encode` has been run: python docs/scripts/draw_augmented.py
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
from PIL import Image

from stages.images.augmentation import Augmentation, warped_copies
from stages.train.parameters import TrainParameters

ARTIFACTS = Path("artifacts")
PICTURE = Path(__file__).parents[1] / "pictures/augmented.png"
COPIES = 11
ZOOM = 2


def main() -> None:
    """Draw the first training row of each class."""
    X = np.load(ARTIFACTS / "split/X_train.npy", mmap_mode="r")
    classes = np.load(ARTIFACTS / "encode/Y_train.npy", mmap_mode="r").argmax(axis=1)
    images = json.loads((ARTIFACTS / "split/images.json").read_text())
    height, width = images["height"], images["width"]

    defaults = TrainParameters()
    strengths = Augmentation(**{field.name: getattr(defaults, field.name) for field in fields(Augmentation)})
    rng = np.random.default_rng(0)
    originals = [X[index].reshape(height, width) for index in np.unique(classes, return_index=True)[1]]
    rows = np.array([[image, *warped_copies(image, strengths, rng, COPIES)] for image in originals])
    # (classes, copies, height, width) -> one sheet; black ink on white, the original in the first column
    sheet = 1 - rows.transpose(0, 2, 1, 3).reshape(len(rows) * height, -1)
    picture = Image.fromarray(np.round(sheet.clip(0, 1) * 255).astype(np.uint8))
    picture = picture.resize((picture.width * ZOOM, picture.height * ZOOM))
    picture.quantize(16).save(PICTURE, optimize=True)  # 16 greys: a third of the size


if __name__ == "__main__":
    main()
