"""Which epoch a training keeps where the setting ``keep`` says nothing, and that ``keep`` goes before everything."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stages.train.epoch_to_keep import epoch_to_keep
from stages.train.parameters import TrainParameters


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, "last"),  # its learning rate ends at 0
        ({"keep": "best"}, "best"),
        ({"schedule": "constant"}, "best"),
        ({"schedule": "constant", "keep": "last"}, "last"),
        ({"patience": 2}, "best"),
        ({"max_seconds": 60.0}, "best"),
        ({"schedule": "constant", "folds": 5}, "last"),
        ({"folds": 5, "keep": "best"}, "best"),
    ],
    ids=str,
)
def test_the_epoch_that_is_kept(settings: dict[str, Any], kept: str) -> None:
    assert epoch_to_keep(msgspec.structs.asdict(TrainParameters(**settings))) == kept
