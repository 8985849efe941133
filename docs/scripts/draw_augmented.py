"""Draw docs/pictures/augmented.png: digits of the training rows, and beside each what the warps make of it.

Run it where `pipeline run encode` has been run: python docs/scripts/draw_augmented.py
"""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
from PIL import Image

from stages.images.augmentation import Augmentation, Warp
from stages.train.parameters import TrainParameters

COPIES = 11
ZOOM = 2


def main() -> None:
    """Draw the first training row of each class."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "pictures/augmented.png")
    arguments = parser.parse_args()

    X = np.load(arguments.artifacts / "split/X_train.npy", mmap_mode="r")
    classes = np.load(arguments.artifacts / "encode/Y_train.npy", mmap_mode="r").argmax(axis=1)
    images = json.loads((arguments.artifacts / "split/images.json").read_text())
    height, width = images["height"], images["width"]

    defaults = TrainParameters()
    strengths = Augmentation(**{field.name: getattr(defaults, field.name) for field in fields(Augmentation)})
    warp = Warp(strengths, height, width, X.dtype, group=1)
    rng = np.random.default_rng(0)
    rows = []
    for index in np.unique(classes, return_index=True)[1]:
        original = np.repeat(X[index : index + 1], COPIES, axis=0)
        warped = np.empty_like(original)
        warp.warp(original, rng, out=warped)
        rows.append(np.concatenate([X[index : index + 1], warped]).reshape(COPIES + 1, height, width))
    # (classes, copies, height, width) -> one sheet; black ink on white, the original in the first column
    sheet = 1 - np.array(rows).transpose(0, 2, 1, 3).reshape(len(rows) * height, -1)
    picture = Image.fromarray(np.round(sheet.clip(0, 1) * 255).astype(np.uint8))
    picture = picture.resize((picture.width * ZOOM, picture.height * ZOOM))
    picture.quantize(16).save(arguments.to, optimize=True)  # 16 greys: a third of the size


if __name__ == "__main__":
    main()
