"""The history of a training: how each epoch went, and which one was kept."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Epoch:
    """How one epoch went. Losses are means per row; the training's are those before each step.

    ``learning_rate`` is that of the epoch's last step. Without validation rows the last two are None.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None

    @property
    def merit(self) -> tuple[float, float]:
        """What makes an epoch the best: accuracy, and where that is equal the lower loss; 0 without validation rows."""
        return (self.validation_accuracy or 0.0, -(self.validation_loss or 0.0))


@dataclass(frozen=True, slots=True)
class History:
    """The history of a training.

    ``best`` is the number of the epoch whose weights were kept (of equal ones the earlier), or the last
    where there were no validation rows or the recipe keeps the last. ``stopped`` is epochs, patience or max_seconds.
    """

    epochs: tuple[Epoch, ...]
    best: int
    stopped: str

    @property
    def best_epoch(self) -> Epoch:
        return self.epochs[self.best - 1]

    def plot(self) -> Any:
        """Draw loss and accuracy, epoch by epoch, with matplotlib; gives both ``Axes``, (2,).

        The module is imported by its name. A plain import would make it part of the code that trains. Then a new
        matplotlib, or a changed word in a table, would train every network of the pipeline again.
        """
        return import_module("stages.notebook.plot_history").plot_history(self)

    def __str__(self) -> str:
        return str(import_module("stages.notebook.history_table").history_table(self))
