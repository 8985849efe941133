"""The history of a training as two charts: loss and accuracy after every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stages.mlp import History


def plot_history(history: History) -> NDArray[Any]:
    """Draw the loss and the accuracy of every epoch side by side, and mark the epoch whose weights were kept.

    Validation rows are drawn if there were any. Gives both ``Axes`` of matplotlib, (2,), of the figure that pyplot
    shows next.
    """
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    _, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for ax, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for rows in ("train", "validation"):
            draw(ax, history, rows, measure)
        ax.axvline(history.best, color="0.6", linestyle=":", label="kept")
        ax.set(title=measure, xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend()
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    return np.asarray(axes)


def draw(ax: Axes, history: History, rows: str, measure: str) -> None:
    """Draw one curve into ``ax``: the ``measure`` (loss or accuracy) on the ``rows`` (train or validation).

    Epochs in which it was not measured are left out. If there are no others, nothing is drawn.
    """
    points = [(each.epoch, getattr(each, f"{rows}_{measure}")) for each in history.epochs]
    points = [point for point in points if point[1] is not None]
    if points:
        ax.plot(*zip(*points, strict=True), label=rows, marker="." if len(points) == 1 else None)
