"""How a network is trained, as immutable values: what its weights depend on, and what they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stages.mlp.gradient_descent.optimisers import OPTIMISERS
from stages.mlp.gradient_descent.schedules import SCHEDULES
from stages.mlp.gradient_descent.update import Update
from stages.mlp.network import Network
from stages.mlp.training.history import Epoch

KEEPS = ("best", "last")


class DivergedError(ArithmeticError):
    """The loss is no longer finite; the learning rate is too high, as a rule."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults suit a few epochs on some ten thousand rows.

    Attributes
    ----------
    epochs : how many times every row is seen
    batch_size : rows a step; a last, smaller batch is trained on like any other
    optimiser : a name in ``OPTIMISERS``
    learning_rate : at its highest, where the schedule moves it
    schedule : a name in ``SCHEDULES``
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
    window_mib : a training set of more than so many MiB is shuffled in windows of this size (shuffling.py)
    replicas : networks that share each batch, side by side; their number has an effect on rounding, dropout,
        augmentation, and what batch normalisation takes its means over
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
    replicas: int = 2

    def __post_init__(self) -> None:
        for name, known in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES), ("keep", KEEPS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        shares = ("warm_up", "momentum", "beta1", "beta2", "label_smoothing", "ema")
        self._demand(shares, lambda value: 0.0 <= value < 1.0, "at least 0 and below 1")
        self._demand(("epochs", "batch_size", "window_mib", "replicas"), lambda value: value >= 1, "at least 1")
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

    def make_update(self, network: Network) -> Update:
        """What updates ``network`` by this recipe."""
        kind = OPTIMISERS[self.optimiser]
        optimiser = kind(**{field.name: getattr(self, field.name) for field in fields(kind)})
        return Update(network, optimiser, self.weight_decay, self.clip_norm, self.ema)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What has no effect on the weights: what a training writes, whom it calls, and what it runs in.

    Attributes
    ----------
    checkpoint : a file written after every epoch. If it is of the same training, that goes on from there, and ends
        with the weights that it would have had without the break. ``augment`` is compared by its ``repr``: that of a
        functools.partial is the same in another process, that of a lambda is not
    on_step : called after every step with its number (from 1), how many there are, the batch's summed loss,
        and the number of its rows that were right
    on_epoch : called after every epoch, like ``on_step`` in the caller's process and with NumPy's settings for training
        (overflow passes in silence). What they change of the rows or the warpers, other processes do not see
    parallel : processes or threads, which the replicas run in. Unless given, what is safe and fast (make_group.py).
        With processes no other thread of the caller may multiply matrices meanwhile: the training might wait for ever
    """

    checkpoint: str | Path | None = None
    on_step: Callable[[int, int, float, int], None] | None = None
    on_epoch: Callable[[Epoch], None] | None = None
    parallel: str | None = None
