"""Pooling: each small window of a feature map is replaced by its largest value, or by its mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats
from stages.mlp.layers.feature_maps import FeatureMaps


class Pooling(ABC):
    """The base class. The windows have ``window`` x ``window`` places, and do not overlap.

    Windows at the lower and the right edge are smaller if a side of the maps is not a multiple of ``window``.
    """

    def __init__(self, maps: FeatureMaps, window: int, m: int, dtype: npt.DTypeLike) -> None:
        self.maps, self.window, self.maps_out = maps, window, maps.pooled(window)
        self.X: Floats  # kept from forward to backward
        self.dX = maps.batch(m, dtype)
        self.Y = self.maps_out.batch(m, dtype)

    @abstractmethod
    def pool(self, X: Floats, Y: Floats) -> Floats:
        """Write one value for each window of ``X`` into ``Y``, (height, channels, width, m). Return ``Y``."""

    @abstractmethod
    def backward(self, dY: Floats) -> Floats:
        """As ``Layer.backward``."""

    def forward(self, X: Floats) -> Floats:
        self.X = X
        return self.pool(X, self.Y)

    def predict(self, X: Floats) -> Floats:
        return self.pool(X, self.maps_out.batch(X.shape[-1], X.dtype))

    def places(self, X: Floats) -> Iterator[tuple[Floats, tuple[slice, ...]]]:
        """For each place of a window: a view of that place in all windows of ``X``, and the windows that have it."""
        lines, columns = min(self.window, len(X)), min(self.window, X.shape[2])
        for i, j in product(range(lines), range(columns)):
            values = X[i :: self.window, :, j :: self.window]
            yield values, np.s_[: len(values), :, : values.shape[2]]


class MaxPooling(Pooling):
    """The largest value of each window. Only this value gets a gradient: the first one, if several are equal."""

    def __init__(self, maps: FeatureMaps, window: int, m: int, dtype: npt.DTypeLike) -> None:
        super().__init__(maps, window, m, dtype)
        # For each window: whether its largest value is not found yet, and whether it is at the current place.
        self.is_pending, self.is_largest = np.empty((2, *self.Y.shape), bool)

    def pool(self, X: Floats, Y: Floats) -> Floats:
        np.copyto(Y, X[:: self.window, :, :: self.window])
        for x, windows in self.places(X):
            np.maximum(Y[windows], x, out=Y[windows])
        return Y

    def backward(self, dY: Floats) -> Floats:
        self.is_pending.fill(True)
        for (x, windows), (dx, _) in zip(self.places(self.X), self.places(self.dX), strict=True):
            is_pending, is_largest = self.is_pending[windows], self.is_largest[windows]
            np.equal(x, self.Y[windows], out=is_largest)
            np.logical_and(is_largest, is_pending, out=is_largest)
            np.logical_xor(is_pending, is_largest, out=is_pending)
            np.multiply(dY[windows], is_largest, out=dx)
        return self.dX


class AveragePooling(Pooling):
    """The mean of each window."""

    def __init__(self, maps: FeatureMaps, window: int, m: int, dtype: npt.DTypeLike) -> None:
        super().__init__(maps, window, m, dtype)
        lines, columns = (
            np.minimum(window, side - window * np.arange(-(-side // window))) for side in (maps.height, maps.width)
        )
        self.share = (1 / (lines[:, None] * columns)).astype(dtype)[:, None, :, None]  # (height, 1, width, 1)

    def pool(self, X: Floats, Y: Floats) -> Floats:
        Y.fill(0)
        for x, windows in self.places(X):
            Y[windows] += x
        Y *= self.share
        return Y

    def backward(self, dY: Floats) -> Floats:
        dY *= self.share
        for dx, windows in self.places(self.dX):
            np.copyto(dx, dY[windows])
        return self.dX


POOLINGS: dict[str, type[Pooling]] = {"max": MaxPooling, "average": AveragePooling}
