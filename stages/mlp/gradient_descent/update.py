"""The update: an optimiser moves the parameters by their gradients, one piece of the flat vectors at a time."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats, shared_zeros
from stages.mlp.gradient_descent.optimisers import Optimiser
from stages.mlp.network import Network

# Parameters in a piece. The optimiser's vectors of so many fit a core's second-level cache. Smaller pieces gain
# nothing, because each NumPy call has its price.
PIECE = 65536


class Update:
    """The optimiser of a network: what is done around it, and what it remembers between steps.

    Parameters
    ----------
    network : whose parameters are moved
    optimiser : by which rule
    weight_decay : pull of the weights towards 0: decoupled from the gradient if the optimiser says so
    clip_norm : a longer gradient is scaled down to this Euclidean norm
    ema : decay of the averaged parameters; 0 for none

    Attributes
    ----------
    memory : the optimiser's, (n_memory, n_parameters)
    averaged : the averaged parameters, (n_parameters,), or empty
    """

    def __init__(
        self, network: Network, optimiser: Optimiser, weight_decay: float, clip_norm: float | None, ema: float
    ) -> None:
        self.optimiser, self.weight_decay, self.clip_norm, self.ema = optimiser, weight_decay, clip_norm, ema
        self.parameters = network.parameters
        self.memory = shared_zeros((optimiser.n_memory, self.parameters.size), self.parameters.dtype)
        self.averaged = shared_zeros(self.parameters.size if ema else 0, self.parameters.dtype)
        self.averaged[...] = self.parameters[: len(self.averaged)]

    def apply(self, piece: slice, g: Floats, work: Floats, step: int, learning_rate: float, *, decays: bool) -> None:
        """Move a ``piece`` of n parameters by its gradient ``g``, (n,), which is used up; ``work`` (n,) is scratch.

        ``step`` counts from 1 over all epochs.
        """
        w, memory, averaged = self.parameters[piece], self.memory[:, piece], self.averaged[piece]
        if decays and self.weight_decay:
            if self.optimiser.is_decay_decoupled:
                w *= 1 - learning_rate * self.weight_decay
            else:
                np.multiply(w, self.weight_decay, out=work)
                g += work
        self.optimiser.update(w, g, memory, work, step, learning_rate)
        if self.ema:
            np.subtract(w, averaged, out=work)
            work *= 1 - self.ema
            averaged += work

    def clip_factor(self, norm: float) -> float:
        """By what a gradient of this norm is multiplied. Pascanu, Mikolov and Bengio (2013); 1e-6 as in PyTorch."""
        return 1.0 if self.clip_norm is None else min(1.0, self.clip_norm / (norm + 1e-6))


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
