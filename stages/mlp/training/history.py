"""The history of a training: the results of each epoch, and the epoch that was kept."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Epoch:
    """The results of one epoch.

    Losses are means over rows. The training loss and accuracy are measured before each step. ``learning_rate`` is that
    of the epoch's last step. Without validation rows, the validation loss and accuracy are None.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None

    @property
    def score(self) -> tuple[float, float]:
        """The best epoch has the highest score: first by validation accuracy, then by the lower validation loss."""
        return (self.validation_accuracy or 0.0, -(self.validation_loss or 0.0))


@dataclass(frozen=True, slots=True)
class History:
    """The history of a training.

    ``best`` is the number of the epoch whose weights were kept. That is the first of the best epochs, or the last epoch
    if there are no validation rows or if the recipe keeps the last. ``stopped`` is epochs, patience or max_seconds.
    """

    epochs: tuple[Epoch, ...]
    best: int
    stopped: str

    @property
    def best_epoch(self) -> Epoch:
        return self.epochs[self.best - 1]

    def plot(self) -> Any:
        """Plot loss and accuracy over the epochs with matplotlib. Returns both ``Axes``, (2,).

        The module is imported by its name. With an import statement it would be part of the training code. Then a new
        version of matplotlib would make the pipeline train every network again.
        """
        return import_module("stages.notebook.plot_history").plot_history(self)

    def __str__(self) -> str:
        return str(import_module("stages.notebook.history_table").history_table(self))
