"""The settings of a training, as immutable values: ``Recipe`` has an effect on the weights, ``RunOptions`` has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stages.mlp.architecture import Architecture
from stages.mlp.gradient_descent.optimisers import OPTIMISERS
from stages.mlp.gradient_descent.schedules import SCHEDULES
from stages.mlp.gradient_descent.update import Update
from stages.mlp.network import Network
from stages.mlp.training.history import Epoch

KEEPS = ("best", "last")


class DivergedError(ArithmeticError):
    """The loss is not finite. The usual cause is a learning rate that is too high."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. The defaults suit a few epochs on some ten thousand rows.

    Attributes
    ----------
    epochs : how often the network is trained on every row
    batch_size : rows of a mini-batch; the last mini-batch of an epoch may be smaller
    optimiser : a name in ``OPTIMISERS``
    learning_rate : its highest value; the schedule multiplies it by a factor of at most 1
    schedule : a name in ``SCHEDULES``
    warm_up : fraction of the steps in which the schedule one_cycle rises
    momentum : used by momentum and nesterov
    beta1, beta2, epsilon : used by adam and adamw
    weight_decay : pulls weights (not biases) towards 0; it is decoupled with adamw, and part of the gradient otherwise
    clip_norm : a gradient with a larger Euclidean norm is scaled down to this norm
    label_smoothing : fraction of the target that is spread evenly over all classes
    ema : decay of the averaged parameters; these are then validated and kept; 0: no averaging
    keep : keep the weights of the best epoch or of the last one
    patience : stop after so many epochs in a row without improvement
    max_seconds : stop after this time; the result then depends on the speed of the machine
    seed : seed for the order of the rows, dropout and augmentation
    window_mib : a larger training set is shuffled in windows of so many MiB (shuffling.py)
    replicas : copies of the layers, with the same parameters, that train in parallel, each on a part of every
        mini-batch; their number has an effect on rounding, dropout, augmentation and batch normalisation
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

    def check_rows_per_replica(self, architecture: Architecture) -> None:
        """Raise ValueError if ``batch_size`` is below two rows for each replica and a dense layer is batch-normalised.

        Batch normalisation makes all values of a single row 0. A last, smaller mini-batch is not refused.
        """
        least = 2 * self.replicas
        if architecture.batch_norm and architecture.hidden and self.batch_size < least:
            raise ValueError(
                f"batch_norm needs two rows for each of {self.replicas} replicas: batch_size must be at least {least}, "
                f"not {self.batch_size}"
            )

    def make_update(self, network: Network) -> Update:
        """The ``Update`` of ``network`` for this recipe."""
        kind = OPTIMISERS[self.optimiser]
        optimiser = kind(**{field.name: getattr(self, field.name) for field in fields(kind)})
        return Update(network, optimiser, self.weight_decay, self.clip_norm, self.ema)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options that have no effect on the weights.

    Attributes
    ----------
    checkpoint : a file that is written after every epoch. If it exists and is from the same training, the training
        resumes from it. ``augment`` is compared by its ``repr``. The ``repr`` of a functools.partial is the same in
        every process, but the ``repr`` of a lambda is not
    on_step : called after every step with the number of the step (from 1), the number of all steps, the mini-batch's
        sum of losses, and its number of correct rows
    on_epoch : called after every epoch. Both functions run in the caller's process, and NumPy gives no overflow
        warnings meanwhile. Other processes do not see their changes to rows or warpers
    parallel : run the replicas in processes or threads; make_group.py has the default. With processes, no other thread
        of the caller may multiply matrices during the training: the training might never end
    """

    checkpoint: str | Path | None = None
    on_step: Callable[[int, int, float, int], None] | None = None
    on_epoch: Callable[[Epoch], None] | None = None
    parallel: str | None = None
