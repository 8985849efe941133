"""Which epoch's weights a training keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.mlp.gradient_descent.schedules import ends_at_zero


def epoch_to_keep(settings: Mapping[str, Any]) -> str:
    """``best`` or ``last``: the setting ``keep`` of train, or else what suits the other settings.

    The best epoch is chosen by the validation rows, so its accuracy there is biased. If the learning rate falls to 0,
    the last epoch is as good. With folds a member is measured on its validation rows: they must not choose the epoch.
    """
    if settings["keep"]:
        return str(settings["keep"])
    is_complete = settings["patience"] is None and settings["max_seconds"] is None
    is_last = settings["folds"] > 1 or (ends_at_zero(settings["schedule"]) and is_complete)
    return "last" if is_last else "best"
