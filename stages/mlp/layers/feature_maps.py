"""Feature maps: how the images of a batch lie in memory between convolutions, and the two ways in and out.

A batch of feature maps is (height, channels, width, m): line by line, and in each line all channels. The rows of the
batch come last, so that whatever is copied or multiplied lies in long runs, and the lines that a kernel covers lie one
after the other: the patches of a convolution are then a view (convolution.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """What one row holds between convolutions: ``channels`` images of ``height`` x ``width`` places."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Values per row."""
        return self.channels * self.height * self.width

    def convolved(self, filters: int, stride: int) -> FeatureMaps:
        """What ``filters`` kernels make of these maps, whose centres lie at every ``stride``-th place."""
        return FeatureMaps(filters, -(-self.height // stride), -(-self.width // stride))

    def pooled(self, window: int) -> FeatureMaps:
        """What pooling makes of these maps: sides as after a convolution with a stride of ``window``."""
        return self.convolved(self.channels, window)

    def batch(self, m: int, dtype: npt.DTypeLike) -> Floats:
        """An empty batch of ``m`` rows: (height, channels, width, m)."""
        return np.empty((self.height, self.channels, self.width, m), dtype)


def by_channel(X: Floats) -> Floats:
    """Maps (height, n, width, m) as (height, n, width * m), rows (m, n) as (m, n, 1); axis 1 is the channel. A view.

    ValueError where it would be a copy, as of the maps that ``RowsToMaps`` makes: what is written would be lost.
    """
    return X.reshape(*X.shape[:2], -1, copy=False)


class RowsToMaps:
    """The first layer before convolutions: images (m, height * width) become maps of one channel, which are a view."""

    def __init__(self, maps: FeatureMaps) -> None:
        self.maps = maps

    def forward(self, X: Floats) -> Floats:
        return self.predict(X)

    def backward(self, dY: Floats) -> Floats:
        return dY  # anything will do: nobody reads it

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
        """Rows (m, channels * height * width) as (height, channels, width, m); no copy."""
        maps = self.maps
        return Y.reshape(len(Y), maps.channels, maps.height, maps.width).transpose(2, 1, 3, 0)
