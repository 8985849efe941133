"""The update: an optimiser moves the parameters by their gradients, one piece of the flat vectors at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.mlp.arrays import Floats, shared_zeros
from stages.mlp.gradient_descent.optimisers import Optimiser
from stages.mlp.network import Network

# Parameters in a piece. The optimiser's vectors of so many fit a core's second-level cache. Smaller pieces gain
# nothing, because each NumPy call has its price.
PIECE = 65536


@dataclass(frozen=True, slots=True)
class When:
    """The number of a step, from 1 over all epochs, and its learning rate."""

    step: int
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Update:
    """The optimiser, and what is done around it.

    Attributes
    ----------
    weight_decay : pull of the weights towards 0: decoupled from the gradient if the optimiser says so
    clip_norm : a longer gradient is scaled down to this Euclidean norm
    ema : decay of the averaged parameters; 0 for none
    """

    optimiser: Optimiser
    weight_decay: float = 0.0
    clip_norm: float | None = None
    ema: float = 0.0

    def apply(
        self, w: Floats, g: Floats, memory: Floats, averaged: Floats, work: Floats, when: When, *, decays: bool
    ) -> None:
        """Move some parameters ``w``, (n,), by their gradient ``g``, which is used up.

        ``memory`` (n_state, n) and ``averaged``, (n,) or empty, are theirs too; ``work`` (n,) is scratch.
        """
        learning_rate = when.learning_rate
        if decays and self.weight_decay:
            if self.optimiser.is_decay_decoupled:
                w *= 1 - learning_rate * self.weight_decay
            else:
                np.multiply(w, self.weight_decay, out=work)
                g += work
        self.optimiser.update(w, g, memory, work, when.step, learning_rate)
        if self.ema:
            np.subtract(w, averaged, out=work)
            work *= 1 - self.ema
            averaged += work

    def clip_factor(self, norm: float) -> float:
        """By what a gradient of this norm is multiplied. Pascanu, Mikolov and Bengio (2013); 1e-6 as in PyTorch."""
        return 1.0 if self.clip_norm is None else min(1.0, self.clip_norm / (norm + 1e-6))


class State:
    """What a training changes besides the parameters: the optimiser's memory, averaged parameters, steps done."""

    def __init__(self, network: Network, update: Update) -> None:
        n, dtype = network.parameters.size, network.parameters.dtype
        self.memory = shared_zeros((update.optimiser.n_state, n), dtype)
        self.averaged = shared_zeros(n if update.ema else 0, dtype)
        self.averaged[...] = network.parameters[: len(self.averaged)]
        self.step = 0


def pieces_of(start: int, stop: int, n_weights: int) -> list[tuple[slice, bool]]:
    """Slices of at most PIECE parameters from ``start`` to ``stop``, and whether they are weights, which decay.

    The first ``n_weights`` parameters are weights. No slice holds both weights and others.
    """
    middle = min(max(n_weights, start), stop)
    return [
        (slice(at, min(at + PIECE, end)), decays)
        for begin, end, decays in ((start, middle, True), (middle, stop, False))
        for at in range(begin, end, PIECE)
    ]
