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

# Deskewed images need less rotation and shear.
UPRIGHT: dict[str, Any] = {"deskew": "slant", "rotation": 9.0, "shear": 0.08}
EQUALLY_WIDE: dict[str, Any] = {"deskew": "slant_and_width", "rotation": 9.0, "shear": 0.08}


def variants(*, deep_epochs: int, pooled_epochs: int) -> tuple[dict[str, Any], ...]:
    """What the members of an ensemble take turns in: three networks, and three ways to deskew.

    Networks of other shapes err on other images. The slowest come first, so that two processes end at about the same
    time.
    """
    deep: dict[str, Any] = {
        "filters": (16, 16, 16, 32, 32, 32),
        "kernel": (3, 3, 5, 3, 3, 5),
        "stride": (1, 1, 2, 1, 1, 2),
        "epochs": deep_epochs,
    }
    pooled: dict[str, Any] = {
        "filters": (16, 16, 32, 32, 64),
        "kernel": 3,
        "stride": 1,
        "pool": (1, 2, 1, 2, 2),
        "epochs": pooled_epochs,
    }
    return deep, {**pooled, **EQUALLY_WIDE}, {**deep, **UPRIGHT}, pooled, {}, EQUALLY_WIDE


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
    "long": {"train": {**CONVOLUTIONAL, "filters": (32, 64, 64, 128, 128), "epochs": 44}},
    # An ensemble in half an hour. No member sees one row in twenty: these measure the ensemble.
    "best": {
        "split": {"validation": 0.05},
        "train": {
            **CONVOLUTIONAL,
            "members": 6,
            "replicas": 1,
            "epochs": 56,
            "variants": variants(deep_epochs=28, pooled_epochs=34),
        },
    },
    # An evening: thirty-two members by eight folds. Every row is trained on, by the members of the other folds.
    "record": {
        "split": {"validation": 0.0},
        "train": {
            **CONVOLUTIONAL,
            "folds": 8,
            "members": 4,
            "replicas": 1,
            "epochs": 60,
            "variants": variants(deep_epochs=40, pooled_epochs=48),
        },
    },
}
