"""Named sets of settings: the tutorial as it was, and points on the way from fast to best."""

from __future__ import annotations

from typing import Any

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
    # As far as one network goes in ten minutes.
    "long": {
        "train": {
            "hidden": (1536, 768),
            "epochs": 120,
            "batch_size": 256,
            "learning_rate": 2e-3,
            "label_smoothing": 0.05,
            "rotation": 12.0,
            "scale": 0.12,
            "shear": 0.15,
            "shift": 0.036,
            "elastic": 0.055,
        },
    },
    # An ensemble by folds. Members differ in more than their seeds: they take turns to see images as they were written,
    # upright, and also of like width. Two per cent of the rows are shown to none, for an honest figure of all together.
    "best": {
        "split": {"validation": 0.02},
        "train": {
            "folds": 6,
            "shards": 1,
            "hidden": (1024, 512),
            "epochs": 90,
            "batch_size": 256,
            "learning_rate": 2e-3,
            "label_smoothing": 0.05,
            "rotation": 12.0,
            "scale": 0.12,
            "shear": 0.15,
            "shift": 0.036,
            "elastic": 0.055,
            "variants": (
                {},
                {"posture": "upright", "rotation": 9.0, "shear": 0.08},
                {"posture": "even", "rotation": 9.0, "shear": 0.08},
            ),
        },
    },
}
