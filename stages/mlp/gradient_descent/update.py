"""The second half of a training step: an optimiser updates the parameters, one piece of the flat vectors at a time."""

from __future__ import annotations

import numpy as np

from stages.mlp.arrays import Floats, shared_zeros
from stages.mlp.gradient_descent.optimisers import Optimiser
from stages.mlp.network import Network

# Parameters in a piece. The optimiser's vectors for one piece fit a core's second-level cache. Smaller pieces are not
# faster, because every NumPy call has a fixed cost.
PIECE_SIZE = 65536


class Update:
    """An optimiser with its state, weight decay, gradient clipping and averaged parameters.

    Parameters
    ----------
    network : the network whose parameters are updated
    optimiser : computes the update
    weight_decay : pulls the weights towards 0: directly if ``is_decay_decoupled``, else through the gradient
    clip_norm : a gradient with a larger Euclidean norm is scaled down to this norm; None: no clipping
    ema : decay of the averaged parameters; 0: no averaging

    Attributes
    ----------
    state : the optimiser's state, (n_states, n_parameters)
    averaged : the averaged parameters, (n_parameters,), or (0,) without averaging
    """

    def __init__(
        self, network: Network, optimiser: Optimiser, weight_decay: float, clip_norm: float | None, ema: float
    ) -> None:
        self.optimiser, self.weight_decay, self.clip_norm, self.ema = optimiser, weight_decay, clip_norm, ema
        self.parameters = network.parameters
        self.state = shared_zeros((optimiser.n_states, self.parameters.size), self.parameters.dtype)
        self.averaged = shared_zeros(self.parameters.size if ema else 0, self.parameters.dtype)
        self.averaged[...] = self.parameters[: len(self.averaged)]

    def apply(self, piece: slice, g: Floats, work: Floats, step: int, learning_rate: float, *, decays: bool) -> None:
        """Update a ``piece`` of n parameters. The gradient ``g``, (n,), is overwritten; ``work``, (n,), is scratch.

        ``step`` counts from 1 over all epochs. ``decays`` says whether weight decay applies to this piece.
        """
        w, state, averaged = self.parameters[piece], self.state[:, piece], self.averaged[piece]
        if decays and self.weight_decay:
            if self.optimiser.is_decay_decoupled:
                w *= 1 - learning_rate * self.weight_decay
            else:
                np.multiply(w, self.weight_decay, out=work)
                g += work
        self.optimiser.update(w, g, state, work, step, learning_rate)
        if self.ema:
            np.subtract(w, averaged, out=work)
            work *= 1 - self.ema
            averaged += work

    def clip_factor(self, norm: float) -> float:
        """The factor for a gradient of this norm. Pascanu, Mikolov and Bengio (2013); the 1e-6 is PyTorch's."""
        return 1.0 if self.clip_norm is None else min(1.0, self.clip_norm / (norm + 1e-6))


def split_into_pieces(start: int, stop: int, n_weights: int) -> list[tuple[slice, bool]]:
    """Slices of at most PIECE_SIZE parameters from ``start`` to ``stop``, each with whether weight decay applies.

    It applies to the weights: the first ``n_weights`` parameters. No slice holds both weights and other parameters.
    """
    boundary = min(max(n_weights, start), stop)
    return [
        (slice(first, min(first + PIECE_SIZE, end)), decays)
        for begin, end, decays in ((start, boundary, True), (boundary, stop, False))
        for first in range(begin, end, PIECE_SIZE)
    ]
