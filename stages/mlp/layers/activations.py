"""The activations and their derivatives.

Every activation overwrites its input. Most derivatives are functions of the output, so only the output is kept.
To add an activation, write its class and put its name into ``ACTIVATIONS``. docs/architecture.md, "How to add
something", has the other files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


class Activation(ABC):
    """An elementwise function as a layer. ``shape`` is the shape of a mini-batch."""

    n_buffers: ClassVar[int] = 1  # scratch arrays of the mini-batch's shape

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.Y: Floats  # the output, kept from forward to backward
        self.work = np.empty((self.n_buffers, *shape), dtype)

    @abstractmethod
    def apply(self, Y: Floats) -> None:
        """Overwrite the input in ``Y`` with the output. Allocate no array; ``self.work`` is scratch."""

    @abstractmethod
    def derivative(self, Y: Floats, out: Floats) -> None:
        """Write the derivative at the output ``Y`` into ``out``.

        ``out`` is ``self.work[0]``, which still has what ``apply`` wrote there.
        """

    def forward(self, X: Floats) -> Floats:
        self.Y = X
        self.apply(X)
        return X

    def backward(self, dY: Floats) -> Floats:
        derivative = self.work[0]
        self.derivative(self.Y, out=derivative)
        dY *= derivative
        return dY

    def predict(self, X: Floats) -> Floats:
        return type(self)(X.shape, X.dtype).forward(X)


class ReLU(Activation):
    """max(x, 0). Its derivative at 0 is taken as 0."""

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        super().__init__(shape, dtype)
        self.zeros = np.zeros(shape, dtype)

    def apply(self, Y: Floats) -> None:
        # NumPy's maximum of two arrays is four times as fast as that of an array and a number.
        np.maximum(Y, self.zeros, out=Y)

    def derivative(self, Y: Floats, out: Floats) -> None:
        # 1 or 0 as floats: multiplying by floats is twice as fast as by booleans.
        np.greater(Y, 0, out=out)


class LeakyReLU(Activation):
    """x if positive, else 0.01 x. Its derivative at 0 is taken as 0.01. Maas, Hannun and Ng (2013)."""

    slope: ClassVar[float] = 0.01

    def apply(self, Y: Floats) -> None:
        np.multiply(Y, self.slope, out=self.work[0])
        np.maximum(Y, self.work[0], out=Y)

    def derivative(self, Y: Floats, out: Floats) -> None:
        np.greater(Y, 0, out=out)
        np.maximum(out, self.slope, out=out)


class ELU(Activation):
    """x if positive, else exp(x) - 1. Clevert, Unterthiner and Hochreiter (2015)."""

    def apply(self, Y: Floats) -> None:
        negative = self.work[0]
        np.minimum(Y, 0, out=negative)
        np.expm1(negative, out=negative)
        np.maximum(Y, 0, out=Y)
        Y += negative

    def derivative(self, Y: Floats, out: Floats) -> None:
        np.minimum(Y, 0, out=out)
        out += 1


class GELU(Activation):
    """x Phi(x), in the form 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))).

    Hendrycks and Gimpel (2016). The derivative is not a function of the output, so ``apply`` computes it too.
    """

    n_buffers = 2

    def apply(self, Y: Floats) -> None:
        c, a = (2 / np.pi) ** 0.5, 0.044715
        derivative, tanh = self.work
        np.square(Y, out=derivative)
        np.multiply(derivative, a * c, out=tanh)
        tanh += c
        tanh *= Y
        np.tanh(tanh, out=tanh)  # t = tanh(c (x + a x**3))
        derivative *= 3 * a * c
        derivative += c
        derivative *= Y  # x times the derivative of the argument of tanh
        Y *= 0.5
        tanh += 1
        Y *= tanh  # 0.5 x (1 + t)
        # 0.5 (1 + t) + 0.5 (1 - t**2) derivative, and 1 - t**2 = (1 + t) (2 - (1 + t))
        derivative *= tanh
        tanh *= 0.5
        np.subtract(1, tanh, out=tanh)
        derivative *= tanh
        np.subtract(1, tanh, out=tanh)
        derivative += tanh

    def derivative(self, Y: Floats, out: Floats) -> None:
        pass  # `apply` has written it into `out`


class Tanh(Activation):
    """The hyperbolic tangent; its derivative is 1 - y**2."""

    def apply(self, Y: Floats) -> None:
        np.tanh(Y, out=Y)

    def derivative(self, Y: Floats, out: Floats) -> None:
        np.square(Y, out=out)
        np.subtract(1, out, out=out)


class Sigmoid(Activation):
    """1 / (1 + exp(-x)), as 0.5 (1 + tanh(x / 2)), which cannot overflow; its derivative is y (1 - y)."""

    def apply(self, Y: Floats) -> None:
        Y *= 0.5
        np.tanh(Y, out=Y)
        Y += 1
        Y *= 0.5

    def derivative(self, Y: Floats, out: Floats) -> None:
        np.subtract(1, Y, out=out)
        out *= Y


ACTIVATIONS: dict[str, type[Activation]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}
