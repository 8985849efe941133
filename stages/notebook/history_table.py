"""The history of a training as a table: a line for each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stages.notebook.text_table import text_table

if TYPE_CHECKING:
    from stages.mlp import History

COLUMNS = ("epoch", "learning rate", "train loss", "train accuracy", "validation loss", "validation accuracy")


def history_table(history: History) -> str:
    """A line for each epoch, as ``print`` shows it; the kept one is marked.

    Examples
    --------
    >>> from stages.mlp import Epoch, History
    >>> print(History((Epoch(1, 3e-3, 0.9, 0.71, 0.4, 0.88), Epoch(2, 1e-3, 0.5, 0.84)), best=1, stopped="epochs"))
    epoch   learning rate  train loss  train accuracy  validation loss  validation accuracy
    1 kept       3.00e-03      0.9000         71.00 %           0.4000              88.00 %
    2            1.00e-03      0.5000         84.00 %
    """
    lines = [
        (
            f"{each.epoch} kept" if each.epoch == history.best else str(each.epoch),
            f"{each.learning_rate:.2e}",
            *shown(each.train_loss, each.train_accuracy),
            *shown(each.validation_loss, each.validation_accuracy),
        )
        for each in history.epochs
    ]
    return text_table(COLUMNS, lines)


def shown(loss: float | None, accuracy: float | None) -> tuple[str, str]:
    """A loss and an accuracy as people read them; nothing for None."""
    return "" if loss is None else f"{loss:.4f}", "" if accuracy is None else f"{100 * accuracy:.2f} %"
