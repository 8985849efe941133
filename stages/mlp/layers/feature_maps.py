"""Feature maps: their layout in memory, and the layers that convert rows to maps and maps to rows.

A mini-batch of feature maps is (height, channels, width, m). The last axis is the row of the mini-batch, so copies and
matrix products work on long contiguous runs. The first axis is the line of the map, so the lines under a kernel are
contiguous, and the matrix of patches is a view (convolution.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """The size of the feature maps of one row: ``channels`` maps of ``height`` x ``width`` places."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Values per row."""
        return self.channels * self.height * self.width

    def convolved(self, filters: int, stride: int) -> FeatureMaps:
        """The maps after a convolution with ``filters`` filters."""
        return FeatureMaps(filters, -(-self.height // stride), -(-self.width // stride))

    def pooled(self, window: int) -> FeatureMaps:
        """The maps after pooling. The sides are those of a convolution with a stride of ``window``."""
        return self.convolved(self.channels, window)

    def batch(self, m: int, dtype: npt.DTypeLike) -> Floats:
        """An uninitialised mini-batch of ``m`` rows: (height, channels, width, m)."""
        return np.empty((self.height, self.channels, self.width, m), dtype)


def by_channel(X: Floats) -> Floats:
    """A view with channels on axis 1: maps (height, n, width, m) as (height, n, width * m), rows (m, n) as (m, n, 1).

    ValueError if a view is impossible, as for the output of ``RowsToMaps``: writes into a copy would be lost.
    """
    return X.reshape(*X.shape[:2], -1, copy=False)


class RowsToMaps:
    """The first layer of a convolutional network: rows (m, height * width) become maps of one channel, as a view."""

    def __init__(self, maps: FeatureMaps) -> None:
        self.maps = maps

    def forward(self, X: Floats) -> Floats:
        return self.predict(X)

    def backward(self, dY: Floats) -> Floats:
        return dY  # in place of dX: the value is not used

    def predict(self, X: Floats) -> Floats:
        maps = self.maps
        return X.T.reshape(maps.height, maps.channels, maps.width, len(X))


class MapsToRows:
    """The layer between convolutions and dense layers: maps become rows (m, channels * height * width)."""

    def __init__(self, maps: FeatureMaps, m: int, dtype: npt.DTypeLike) -> None:
        self.maps = maps
        self.Y = np.empty((m, maps.size), dtype)
        self.dX = maps.batch(m, dtype)

    def forward(self, X: Floats) -> Floats:
        np.copyto(self._as_maps(self.Y), X)
        return self.Y

    def backward(self, dY: Floats) -> Floats:
        np.copyto(self.dX, self._as_maps(dY))
        return self.dX

    def predict(self, X: Floats) -> Floats:
        return MapsToRows(self.maps, X.shape[-1], X.dtype).forward(X)

    def _as_maps(self, Y: Floats) -> Floats:
        """A view of rows (m, channels * height * width) as maps (height, channels, width, m)."""
        maps = self.maps
        return Y.reshape(len(Y), maps.channels, maps.height, maps.width).transpose(2, 1, 3, 0)
