"""The presets, which are named sets of settings: the tutorial as it was, and four from fast to record."""

from __future__ import annotations

from typing import Any

# Five convolutions and a hidden layer; docs/decisions/recipe.md says why. The first convolution has kernels of 5 x 5,
# the others of 3 x 3. Three of them halve the image's sides.
CONVOLUTIONAL: dict[str, Any] = {
    "filters": (16, 32, 32, 64, 64),
    "kernel": (5, 3, 3, 3, 3),
    "stride": (2, 1, 2, 1, 2),
    "hidden": (128,),
    "batch_norm": True,
    "dropout": 0.3,
    "label_smoothing": 0.05,
}

# The same with twice as many filters.
WIDE: dict[str, Any] = {**CONVOLUTIONAL, "filters": (32, 64, 64, 128, 128)}

# The members of an ensemble take turns: images as they are, without slant, or without slant and of equal width.
DESKEW_VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"deskew": "slant", "rotation": 9.0, "shear": 0.08},
    {"deskew": "slant_and_width", "rotation": 9.0, "shear": 0.08},
)

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    # The tutorial from which this project grew: its rows, its initial weights, one row at a time.
    "seed": {
        "split": {"validation": 0.1, "seed": 42, "stratify": False, "train_rows": 30000, "validation_rows": 1000},
        "train": {
            "hidden": (256, 64),
            "activation": "relu",
            "dropout": 0.0,
            "batch_norm": False,
            "initialisation": "tutorial",
            "optimiser": "sgd",
            "learning_rate": 0.01,
            "schedule": "constant",
            "weight_decay": 0.0,
            "clip_norm": None,
            "ema": 0.0,
            "label_smoothing": 0.0,
            "batch_size": 1,
            "epochs": 3,
            "keep": "last",
            "report_steps": 1000,
            "rotation": 0.0,
            "scale": 0.0,
            "shear": 0.0,
            "shift": 0.0,
            "elastic": 0.0,
        },
    },
    # The default with fewer epochs.
    "fast": {"train": {"epochs": 12}},
    # What one network reaches in ten minutes.
    "long": {"train": {**WIDE, "epochs": 44}},
    # An ensemble in twenty minutes. No member sees one row in twenty: these measure the ensemble.
    "best": {
        "split": {"validation": 0.05},
        "train": {**CONVOLUTIONAL, "members": 6, "replicas": 1, "epochs": 56, "variants": DESKEW_VARIANTS},
    },
    # An evening: sixteen wide members by eight folds. Every row is trained on, by the members of the other folds.
    "record": {
        "split": {"validation": 0.0},
        "train": {
            **WIDE,
            "folds": 8,
            "members": 2,
            "replicas": 1,
            "epochs": 60,
            "variants": DESKEW_VARIANTS,
        },
    },
}
