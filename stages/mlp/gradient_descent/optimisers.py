"""The optimisers: how a gradient moves the parameters.

To add one, write its class and put its name into ``OPTIMISERS``. docs/architecture.md, "How to add something", has the
other files: each field of the class is a setting too.

All work elementwise, in place, on whatever piece of the flat vectors they are handed. A training step hands them pieces
that fit the processor's cache, where each of the ten passes of Adam costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.mlp.arrays import Floats

# Steps from one call that clears averages to the next; see clear_remains.
CLEARED_EVERY = 100


@dataclass(frozen=True, slots=True)
class Optimiser:
    """The base. The fields of an optimiser are settings of the same names."""

    n_memory: ClassVar[int] = 0  # vectors, as long as the parameters', that are kept between steps
    is_decay_decoupled: ClassVar[bool] = False  # weights decay by themselves, not through the gradient

    def update(self, w: Floats, g: Floats, memory: Floats, work: Floats, step: int, learning_rate: float) -> None:
        """Move the parameters ``w``, (n,), by their gradient ``g``, which may be overwritten.

        ``memory`` is (n_memory, n), 0 before the first step; ``work`` is (n,) of scratch; ``step`` counts from 1.
        """
        raise NotImplementedError


class SGD(Optimiser):
    """w -= learning_rate g."""

    def update(self, w: Floats, g: Floats, memory: Floats, work: Floats, step: int, learning_rate: float) -> None:  # noqa: ARG002 - one signature for all
        g *= learning_rate
        w -= g


@dataclass(frozen=True, slots=True)
class Momentum(Optimiser):
    """v = momentum v + g; w -= learning_rate v. Polyak (1964), as PyTorch scales it."""

    n_memory: ClassVar[int] = 1
    momentum: float = 0.9

    def update(self, w: Floats, g: Floats, memory: Floats, work: Floats, step: int, learning_rate: float) -> None:
        v = memory[0]
        clear_remains(v, self.momentum, work, step)
        v *= self.momentum
        v += g
        np.multiply(v, learning_rate, out=work)
        w -= work


class Nesterov(Momentum):
    """v = momentum v + g; w -= learning_rate (g + momentum v). Sutskever and others (2013)."""

    def update(self, w: Floats, g: Floats, memory: Floats, work: Floats, step: int, learning_rate: float) -> None:
        v = memory[0]
        clear_remains(v, self.momentum, work, step)
        v *= self.momentum
        v += g
        np.multiply(v, self.momentum, out=work)
        work += g
        work *= learning_rate
        w -= work


@dataclass(frozen=True, slots=True)
class Adam(Optimiser):
    """Kingma and Ba (2015), with the bias correction and the epsilon of the paper's algorithm 1.

    In the paper m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g**2. Kept here are
    m / (1 - beta1) and v / (1 - beta2): that spares two passes, and the factors go into two numbers a step.
    """

    n_memory: ClassVar[int] = 2
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def update(self, w: Floats, g: Floats, memory: Floats, work: Floats, step: int, learning_rate: float) -> None:
        m, v = memory
        clear_remains(m, self.beta1, work, step)
        clear_remains(v, self.beta2, work, step)
        m *= self.beta1
        m += g
        v *= self.beta2
        np.square(g, out=g)
        v += g
        # w -= learning_rate m_hat / (sqrt(v_hat) + epsilon); sqrt(v_hat) is `root` times that of the kept v.
        root = ((1 - self.beta2) / (1 - self.beta2**step)) ** 0.5
        rate = learning_rate * (1 - self.beta1) / (1 - self.beta1**step) / root
        change = g  # what was there is used up, and another vector would take room in the cache
        np.sqrt(v, out=change)
        change += self.epsilon / root
        np.divide(m, change, out=change)
        change *= rate
        w -= change


@dataclass(frozen=True, slots=True)
class AdamW(Adam):
    """Adam whose weights decay apart from the gradient. Loshchilov and Hutter (2019)."""

    is_decay_decoupled: ClassVar[bool] = True


def clear_remains(average: Floats, decay: float, work: Floats, step: int) -> None:
    """Every hundredth step, set to 0 those values of ``average`` that are about to become denormal.

    Where gradients stay 0, as those of a dead ReLU do, each step multiplies their average by ``decay``. It shrinks
    below 1e-38 (in float32), but never to 0: the least of all numbers, times 0.9, is rounded to itself. A processor
    takes up to a hundred times as long for such denormal numbers: a 256-64 network took a quarter longer from its
    fourth epoch on. They are too small to move a weight.
    """
    if step % CLEARED_EVERY == 0:
        # What is smaller may become denormal within the next hundred steps. With a decay below 0.8 some values
        # become so in spite of it, and are cleared then.
        least = float(np.finfo(average.dtype).tiny) / max(decay, 0.8) ** CLEARED_EVERY
        np.absolute(average, out=work)
        np.greater(work, least, out=work)
        average *= work


OPTIMISERS: dict[str, type[Optimiser]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
    "adamw": AdamW,
}
