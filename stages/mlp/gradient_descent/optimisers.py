"""The optimisers: how the gradient changes the parameters.

To add an optimiser, write its class and put its name into ``OPTIMISERS``. A field of the class gets its value from the
field of ``Recipe`` with the same name. docs/architecture.md, "How to add something", has the other files.

Optimisers work elementwise and in place. All parameters are one flat vector (network.py). It is updated in pieces that
fit the processor's cache (update.py), so the ten passes of Adam are fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.mlp.arrays import Floats

# Steps from one flush to the next; see flush_denormals.
FLUSH_EVERY = 100


@dataclass(frozen=True, slots=True)
class Optimiser:
    """The base class."""

    n_states: ClassVar[int] = 0  # number of state vectors, each as long as the parameter vector
    is_decay_decoupled: ClassVar[bool] = False  # whether weight decay is applied to the weights, not to the gradient

    def update(self, w: Floats, g: Floats, state: Floats, work: Floats, step: int, learning_rate: float) -> None:
        """Update the parameters ``w``, (n,), by their gradient ``g``, (n,), which may be overwritten.

        ``state`` is (n_states, n), and 0 before the first step. ``work``, (n,), is scratch. ``step`` counts from 1.
        """
        raise NotImplementedError


class SGD(Optimiser):
    """w -= learning_rate g."""

    def update(self, w: Floats, g: Floats, state: Floats, work: Floats, step: int, learning_rate: float) -> None:  # noqa: ARG002 - one signature for all
        g *= learning_rate
        w -= g


@dataclass(frozen=True, slots=True)
class Momentum(Optimiser):
    """v = momentum v + g; w -= learning_rate v. Polyak (1964), in the form of PyTorch."""

    n_states: ClassVar[int] = 1
    momentum: float

    def update(self, w: Floats, g: Floats, state: Floats, work: Floats, step: int, learning_rate: float) -> None:
        v = state[0]
        flush_denormals(v, self.momentum, work, step)
        v *= self.momentum
        v += g
        np.multiply(v, learning_rate, out=work)
        w -= work


class Nesterov(Momentum):
    """v = momentum v + g; w -= learning_rate (g + momentum v). Sutskever and others (2013)."""

    def update(self, w: Floats, g: Floats, state: Floats, work: Floats, step: int, learning_rate: float) -> None:
        v = state[0]
        flush_denormals(v, self.momentum, work, step)
        v *= self.momentum
        v += g
        np.multiply(v, self.momentum, out=work)
        work += g
        work *= learning_rate
        w -= work


@dataclass(frozen=True, slots=True)
class Adam(Optimiser):
    """Kingma and Ba (2015), with the bias correction and the epsilon of the paper's algorithm 1.

    In the paper m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g**2. The state here is m / (1 - beta1) and
    v / (1 - beta2), which saves two passes. The missing factors are part of ``root`` and ``rate``.
    """

    n_states: ClassVar[int] = 2
    beta1: float
    beta2: float
    epsilon: float

    def update(self, w: Floats, g: Floats, state: Floats, work: Floats, step: int, learning_rate: float) -> None:
        m, v = state
        flush_denormals(m, self.beta1, work, step)
        flush_denormals(v, self.beta2, work, step)
        m *= self.beta1
        m += g
        v *= self.beta2
        np.square(g, out=g)
        v += g
        # w -= learning_rate m_hat / (sqrt(v_hat) + epsilon), where sqrt(v_hat) = root sqrt(v)
        root = ((1 - self.beta2) / (1 - self.beta2**step)) ** 0.5
        rate = learning_rate * (1 - self.beta1) / (1 - self.beta1**step) / root
        change = g  # g is not needed any more, and another vector would need more of the cache
        np.sqrt(v, out=change)
        change += self.epsilon / root
        np.divide(m, change, out=change)
        change *= rate
        w -= change


class AdamW(Adam):
    """Adam with decoupled weight decay. Loshchilov and Hutter (2019)."""

    is_decay_decoupled: ClassVar[bool] = True


def flush_denormals(average: Floats, decay: float, work: Floats, step: int) -> None:
    """Every hundredth step, set to 0 those values of ``average`` that would soon become denormal.

    If a gradient stays 0, as with a dead ReLU, every step multiplies its average by ``decay``. The average falls below
    1e-38 (in float32), but never reaches 0: the smallest number, times 0.9, is rounded to itself. Such numbers are
    called denormal. They are too small to change a weight, but a processor needs up to a hundred times as long for
    them: a 256-64 network took a quarter longer from its fourth epoch on.
    """
    if step % FLUSH_EVERY == 0:
        # A value below this threshold may become denormal within the next hundred steps. With a decay below 0.8 some
        # larger values do so too. They are set to 0 at the next flush.
        threshold = float(np.finfo(average.dtype).tiny) / max(decay, 0.8) ** FLUSH_EVERY
        np.absolute(average, out=work)
        np.greater(work, threshold, out=work)
        average *= work


OPTIMISERS: dict[str, type[Optimiser]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
    "adamw": AdamW,
}
