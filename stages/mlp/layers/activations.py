"""The activations: what they make of a layer's output, and their derivatives.

Every activation works in place. Where the derivative can be written in terms of the output, nothing else is kept.
To add one, write its class and put its name into ``ACTIVATIONS``; settings, documents and tests read it from there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


class Activation(ABC):
    """An elementwise function as a layer.

    Parameters
    ----------
    shape : of a batch
    dtype : of the values
    """

    n_buffers: ClassVar[int] = 1  # arrays of the batch's shape that the arithmetic takes besides input and output

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.Y = np.empty(shape, dtype)
        self.work = np.empty((self.n_buffers, *shape), dtype)

    @staticmethod
    @abstractmethod
    def apply(Y: Floats, work: Floats) -> None:
        """Replace the input in ``Y`` by the output. ``work`` is (n_buffers, *Y.shape)."""

    @staticmethod
    @abstractmethod
    def multiply_by_derivative(dY: Floats, Y: Floats, work: Floats) -> None:
        """Multiply ``dY`` by the derivative, where ``Y`` is the output and ``work`` is as ``apply`` left it."""

    def forward(self, X: Floats) -> Floats:
        self.Y = X
        self.apply(X, self.work)
        return X

    def backward(self, dY: Floats) -> Floats:
        self.multiply_by_derivative(dY, self.Y, self.work)
        return dY

    def predict(self, X: Floats) -> Floats:
        self.apply(X, np.empty((self.n_buffers, *X.shape), X.dtype))
        return X


class ReLU(Activation):
    """max(x, 0). Its derivative at 0 is taken as 0."""

    @staticmethod
    def apply(Y: Floats, work: Floats) -> None:  # noqa: ARG004 - needs no scratch
        np.maximum(Y, 0, out=Y)

    @staticmethod
    def multiply_by_derivative(dY: Floats, Y: Floats, work: Floats) -> None:
        # 1 where positive, else 0, written as floats: twice as fast as multiplying by booleans.
        np.greater(Y, 0, out=work[0])
        np.multiply(dY, work[0], out=dY)


class LeakyReLU(Activation):
    """x if positive, else 0.01 x. Maas, Hannun and Ng (2013)."""

    slope: ClassVar[float] = 0.01

    @staticmethod
    def apply(Y: Floats, work: Floats) -> None:
        np.multiply(Y, LeakyReLU.slope, out=work[0])
        np.maximum(Y, work[0], out=Y)

    @staticmethod
    def multiply_by_derivative(dY: Floats, Y: Floats, work: Floats) -> None:
        np.greater(Y, 0, out=work[0])
        np.maximum(work[0], LeakyReLU.slope, out=work[0])
        np.multiply(dY, work[0], out=dY)


class ELU(Activation):
    """x if positive, else exp(x) - 1. Clevert, Unterthiner and Hochreiter (2015)."""

    @staticmethod
    def apply(Y: Floats, work: Floats) -> None:
        np.minimum(Y, 0, out=work[0])
        np.expm1(work[0], out=work[0])
        np.maximum(Y, 0, out=Y)
        np.add(Y, work[0], out=Y)

    @staticmethod
    def multiply_by_derivative(dY: Floats, Y: Floats, work: Floats) -> None:
        np.minimum(Y, 0, out=work[0])
        np.add(work[0], 1, out=work[0])
        np.multiply(dY, work[0], out=dY)


class GELU(Activation):
    """x Phi(x), in the form 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))).

    Hendrycks and Gimpel (2016). The derivative is not a function of the output; it is found on the way.
    """

    n_buffers = 2
    _c: ClassVar[float] = (2 / np.pi) ** 0.5
    _a: ClassVar[float] = 0.044715

    @staticmethod
    def apply(Y: Floats, work: Floats) -> None:
        c, a = GELU._c, GELU._a
        tanh, derivative = work
        np.square(Y, out=derivative)
        np.multiply(derivative, a * c, out=tanh)
        np.add(tanh, c, out=tanh)
        np.multiply(tanh, Y, out=tanh)
        np.tanh(tanh, out=tanh)  # t = tanh(c (x + a x**3))
        np.multiply(derivative, 3 * a * c, out=derivative)
        np.add(derivative, c, out=derivative)
        np.multiply(derivative, Y, out=derivative)  # x times the derivative of what stands in the tanh
        np.multiply(Y, 0.5, out=Y)
        np.add(tanh, 1, out=tanh)
        np.multiply(Y, tanh, out=Y)  # 0.5 x (1 + t)
        # 0.5 (1 + t) + 0.5 (1 - t**2) derivative, and 1 - t**2 = (1 + t) (2 - (1 + t))
        np.multiply(derivative, tanh, out=derivative)
        np.multiply(tanh, 0.5, out=tanh)
        np.subtract(1, tanh, out=work[0])
        np.multiply(derivative, work[0], out=derivative)
        np.subtract(1, work[0], out=work[0])
        np.add(derivative, work[0], out=derivative)

    @staticmethod
    def multiply_by_derivative(dY: Floats, Y: Floats, work: Floats) -> None:  # noqa: ARG004 - the output does not give it
        np.multiply(dY, work[1], out=dY)


class Tanh(Activation):
    """The hyperbolic tangent; its derivative is 1 - y**2."""

    @staticmethod
    def apply(Y: Floats, work: Floats) -> None:  # noqa: ARG004 - needs no scratch
        np.tanh(Y, out=Y)

    @staticmethod
    def multiply_by_derivative(dY: Floats, Y: Floats, work: Floats) -> None:
        np.square(Y, out=work[0])
        np.subtract(1, work[0], out=work[0])
        np.multiply(dY, work[0], out=dY)


class Sigmoid(Activation):
    """1 / (1 + exp(-x)), as 0.5 (1 + tanh(x / 2)), which cannot overflow; its derivative is y (1 - y)."""

    @staticmethod
    def apply(Y: Floats, work: Floats) -> None:  # noqa: ARG004 - needs no scratch
        np.multiply(Y, 0.5, out=Y)
        np.tanh(Y, out=Y)
        np.add(Y, 1, out=Y)
        np.multiply(Y, 0.5, out=Y)

    @staticmethod
    def multiply_by_derivative(dY: Floats, Y: Floats, work: Floats) -> None:
        np.subtract(1, Y, out=work[0])
        np.multiply(work[0], Y, out=work[0])
        np.multiply(dY, work[0], out=dY)


ACTIVATIONS: dict[str, type[Activation]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}
