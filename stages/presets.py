"""Named sets of settings: the tutorial as it was, and points on the way from fast to best."""

from __future__ import annotations

from typing import Any

# Five convolutions and a hidden layer, as docs/decisions/recipe.md came to them. The first looks at patches of 5 x 5,
# the others at 3 x 3; three of them halve the image's sides.
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
    # The tutorial that this project starts from: its rows, its initial weights, one example at a time.
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
    # The default with less patience.
    "fast": {"train": {"epochs": 12}},
    # As far as one network goes in ten minutes. The learning rate ends at 0, so the last epoch has the lowest loss;
    # which is the best of sixty on some thousand validation rows is a matter of luck.
    "long": {"train": {**CONVOLUTIONAL, "epochs": 60, "keep": "last"}},
    # An ensemble by folds. Members differ in more than their seeds: they take turns to see images as they were written,
    # upright, and also of like width. Two per cent of the rows are shown to none, for an honest figure of all together.
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
