"""The chart of a training: what was measured is drawn, and the kept epoch marked."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from pipeline.fingerprint.code import code_closure
from stages.mlp import Epoch, History


@pytest.fixture(autouse=True)
def without_a_screen() -> Iterator[None]:
    before = mpl.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


def test_both_measures_of_all_rows_are_drawn_and_the_kept_epoch_marked() -> None:
    history = History((Epoch(1, 0.1, 0.9, 0.5, 0.8, 0.6), Epoch(2, 0.1, 0.4, 0.8, 0.7, 0.7)), best=2, stopped="epochs")
    loss, accuracy = history.plot()
    drawn = {line.get_label(): [float(y) for y in line.get_ydata()] for line in loss.lines}
    assert drawn == {"train": [0.9, 0.4], "validation": [0.8, 0.7], "kept": [0, 1]}
    assert list(loss.lines[-1].get_xdata()) == [2, 2]
    assert [list(line.get_ydata()) for line in accuracy.lines[:2]] == [[0.5, 0.8], [0.6, 0.7]]


def test_without_validation_rows_only_training_is_drawn() -> None:
    loss, _ = History((Epoch(1, 0.1, 0.9, 0.5),), best=1, stopped="epochs").plot()
    assert [line.get_label() for line in loss.lines] == ["train", "kept"]


def test_matplotlib_is_no_library_of_trains_key() -> None:
    """Otherwise each new matplotlib would train every network again."""
    assert "matplotlib" not in code_closure(["stages.train.train:train"]).libraries
