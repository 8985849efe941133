"""The history of a training: how each epoch went, and which one was kept."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from stages.mlp.text_table import text_table


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
        """What makes an epoch the best: accuracy, and where that is equal the lower loss."""
        if self.validation_accuracy is None or self.validation_loss is None:
            return (0.0, 0.0)
        return (self.validation_accuracy, -self.validation_loss)


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

        What draws is named and not imported: as an import it would be code of this package, and each new matplotlib
        would train every network of the pipeline again.
        """
        return import_module("stages.notebook.plot_history").plot_history(self)

    def __str__(self) -> str:
        """A line for each epoch, as ``print`` shows it; the kept one is marked.

        Examples
        --------
        >>> print(History((Epoch(1, 3e-3, 0.9, 0.71, 0.4, 0.88), Epoch(2, 1e-3, 0.5, 0.84)), best=1, stopped="epochs"))
        epoch   learning rate  train loss  train accuracy  validation loss  validation accuracy
        1 kept       3.00e-03      0.9000         71.00 %           0.4000              88.00 %
        2            1.00e-03      0.5000         84.00 %
        """
        lines = [
            (
                f"{each.epoch} kept" if each.epoch == self.best else str(each.epoch),
                f"{each.learning_rate:.2e}",
                *shown(each.train_loss, each.train_accuracy),
                *shown(each.validation_loss, each.validation_accuracy),
            )
            for each in self.epochs
        ]
        columns = ["learning rate", "train loss", "train accuracy", "validation loss", "validation accuracy"]
        return text_table(["epoch", *columns], lines)


def shown(loss: float | None, accuracy: float | None) -> tuple[str, str]:
    """A loss and an accuracy as people read them; nothing for None."""
    return "" if loss is None else f"{loss:.4f}", "" if accuracy is None else f"{100 * accuracy:.2f} %"
