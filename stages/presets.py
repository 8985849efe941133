"""The presets, which are named sets of settings: the tutorial as it was, and three from fast to best."""

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
    # What one network reaches in ten minutes. The learning rate ends at 0, so the last epoch has the lowest loss. Which
    # of sixty epochs is best on a few thousand validation rows is a matter of luck.
    "long": {"train": {**CONVOLUTIONAL, "epochs": 60, "keep": "last"}},
    # An ensemble by folds. Members differ in their seeds and in how their images are deskewed: not at all, without
    # slant, or without slant and with even width. No member sees two per cent of the rows: they measure the ensemble.
    "best": {
        "split": {"validation": 0.02},
        "train": {
            **CONVOLUTIONAL,
            "folds": 6,
            "replicas": 1,
            "epochs": 34,
            "variants": (
                {},
                {"deskew": "slant", "rotation": 9.0, "shear": 0.08},
                {"deskew": "slant_and_width", "rotation": 9.0, "shear": 0.08},
            ),
        },
    },
}
