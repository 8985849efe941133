"""How a network is trained, as one immutable value, and what a training has to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stages.mlp.training.optimisers import OPTIMISERS, make_optimiser
from stages.mlp.training.schedules import SCHEDULES
from stages.mlp.training.step import Update


class DivergedError(ArithmeticError):
    """The loss is no longer finite; the learning rate is too high, as a rule."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults suit a few epochs on some ten thousand rows.

    Attributes
    ----------
    epochs : how many times every row is seen
    batch_size : rows a step; a last, smaller batch is trained on like any other
    optimiser : sgd, momentum, nesterov, adam or adamw
    learning_rate : at its highest, where the schedule moves it
    schedule : constant, step, cosine or one_cycle
    warm_up : share of the steps in which one_cycle rises
    momentum : of momentum and nesterov
    beta1, beta2, epsilon : of adam and adamw
    weight_decay : pulls weights (not biases) towards 0; with adamw apart from the gradient, else through it
    clip_norm : the gradient is scaled down to this Euclidean norm if it is longer
    label_smoothing : share of the target that is spread evenly over all classes
    ema : decay of the averaged weights, which are then what is validated and kept; 0 for none
    keep : whose weights are kept, the best epoch's or the last one's
    patience : stop when so many epochs in a row were no better than the best
    max_seconds : stop after this time and keep what ``keep`` says; the result then depends on the machine's speed
    seed : of order, dropout and augmentation
    window_mib : a training set of more than so many MiB is shuffled in windows of this size (shuffle.py)
    shards : workers that share a step; their number has an effect on rounding, dropout and augmentation
    """

    epochs: int = 10
    batch_size: int = 128
    optimiser: str = "adam"
    learning_rate: float = 3e-3
    schedule: str = "one_cycle"
    warm_up: float = 0.1
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    clip_norm: float | None = None
    label_smoothing: float = 0.0
    ema: float = 0.0
    keep: str = "best"
    patience: int | None = None
    max_seconds: float | None = None
    seed: int = 0
    window_mib: int = 256
    shards: int = 2

    def __post_init__(self) -> None:
        for name, known in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES), ("keep", ("best", "last"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        shares = ("warm_up", "momentum", "beta1", "beta2", "label_smoothing", "ema")
        self._demand(shares, lambda value: 0.0 <= value < 1.0, "at least 0 and below 1")
        self._demand(("epochs", "batch_size", "window_mib", "shards"), lambda value: value >= 1, "at least 1")
        self._demand(("weight_decay", "seed"), lambda value: value >= 0, "at least 0")
        positive = ("learning_rate", "epsilon", "clip_norm", "patience", "max_seconds")
        self._demand(positive, lambda value: value is None or value > 0, "above 0")
        if self.keep == "last" and self.patience is not None:
            raise ValueError(
                "patience waits for a better epoch, and so goes with keep = best only, not with keep = last"
            )

    def _demand(self, names: tuple[str, ...], holds: Callable[[Any], bool], what: str) -> None:
        for name in names:
            if not holds(getattr(self, name)):
                raise ValueError(f"{name} must be {what}, not {getattr(self, name)}")

    @property
    def update(self) -> Update:
        """The part of the recipe that a single step follows."""
        optimiser = make_optimiser(
            self.optimiser, momentum=self.momentum, beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon
        )
        return Update(optimiser, self.weight_decay, self.optimiser == "adamw", self.clip_norm, self.ema)


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
    """What a training has to tell.

    ``best`` is the number of the epoch whose weights were kept (of equal ones the earlier), or the last
    where there were no validation rows or the recipe keeps the last. ``stopped`` is epochs, patience or max_seconds.
    """

    epochs: tuple[Epoch, ...]
    best: int
    stopped: str

    @property
    def best_epoch(self) -> Epoch:
        return self.epochs[self.best - 1]
