"""Convolution: a dense layer that looks at one patch of the image at a time, with the same weights everywhere.

A filter that has learned what a stroke looks like finds it wherever it is, from a few hundred weights. Moving on
by two pixels from patch to patch halves the image's sides, so no pooling is needed. Such a network is that of
Simard, Steinkraus and Platt, "Best practices for convolutional neural networks" (2003).

Rows of a batch are the innermost dimension here: what is copied and multiplied lies in long runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.mlp.memory import shared_zeros
from stages.mlp.team import Shard

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """What a row holds before or after a convolution: for each of ``channels`` an image of ``height`` x ``width``.

    The images lie in the row one after the other, each line by line. An input is one channel, the picture itself.
    """

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Values per row."""
        return self.channels * self.height * self.width

    def kernel(self, size: int) -> tuple[int, int]:
        """Height and width of a kernel of ``size`` on these maps: no larger than they are."""
        return min(size, self.height), min(size, self.width)

    def patch_size(self, size: int) -> int:
        """Values that such a kernel sees at once."""
        height, width = self.kernel(size)
        return self.channels * height * width

    def convolved(self, filters: int, size: int, stride: int) -> FeatureMaps:
        """What ``filters`` kernels of ``size``, moved on by ``stride``, make of these maps."""
        height, width = self.kernel(size)
        return FeatureMaps(filters, (self.height - height) // stride + 1, (self.width - width) // stride + 1)

    def view(self, X: Floats) -> Floats:
        """Rows (m, size), in whatever order they lie in memory, as (channels, height, width, m); no copy."""
        return X.T.reshape(self.channels, self.height, self.width, len(X))


class Patches:
    """The patches of ``m`` rows, one line of places after the other, and the way back from their gradients.

    Parameters
    ----------
    m : rows
    maps : what the rows hold
    size, stride : of the kernel, and by how many pixels it moves on
    dtype : of everything
    """

    def __init__(self, m: int, maps: FeatureMaps, size: int, stride: int, dtype: npt.DTypeLike) -> None:
        kernel = maps.kernel(size)
        places = maps.convolved(1, size, stride)
        self.maps, self.stride, self.n_lines, self.n_across = maps, stride, places.height, places.width
        self.X = np.zeros((maps.channels, maps.height, maps.width, m), dtype)
        self.dX = np.zeros_like(self.X)
        # (channels, lines, places, m, *kernel): views of X, which share their pixels where they overlap
        windows = np.lib.stride_tricks.sliding_window_view(self.X, kernel, axis=(1, 2))[:, ::stride, ::stride]
        self._windows = windows.transpose(1, 0, 4, 5, 2, 3)  # (lines, channels, *kernel, places, m)
        self._patches = np.empty(self._windows.shape[1:], dtype)
        self._dpatches = np.empty_like(self._patches)
        # The same memory as matrices: (values of a patch, places * m)
        self._flat = self._patches.reshape(maps.patch_size(size), places.width * m)
        self.d_flat = self._dpatches.reshape(self._flat.shape)

    def load(self, X: Floats) -> None:
        """Take in the rows ``X``, (m, n_in)."""
        np.copyto(self.X, self.maps.view(X))

    def of_line(self, line: int) -> Floats:
        """The patches along one line of places: (values of a patch, places * m), overwritten by the next call."""
        np.copyto(self._patches, self._windows[line])
        return self._flat

    def add_gradient(self, line: int) -> None:
        """Add ``d_flat``, the gradient by the patches of a line, to that by the pixels they were copied from."""
        for i, j in product(*map(range, self._patches.shape[1:3])):
            reached = slice(j, j + self.stride * (self.n_across - 1) + 1, self.stride)
            pixels = self.dX[:, line * self.stride + i, reached]  # (channels, places, m)
            np.add(pixels, self._dpatches[:, i, j], out=pixels)


class Convolution:
    """Y = W.T patch + b at every place, by the rows of the batch that a worker has.

    Parameters
    ----------
    m : rows of a batch
    maps : what its input holds
    size, stride : of the kernels
    W, b : (values of a patch, n_filters) and (n_filters,); a patch's values lie as channels, lines, columns
    dW, db : where their gradients are written, the same shapes
    first : this is the first layer; nobody asks for the gradient by its input
    shards : how many workers share the batch
    """

    def __init__(
        self,
        m: int,
        maps: FeatureMaps,
        size: int,
        stride: int,
        W: Floats,
        b: Floats,
        dW: Floats,
        db: Floats,
        *,
        first: bool = False,
        shards: int = 1,
    ) -> None:
        n_filters, dtype = len(b), W.dtype
        self.maps, self.maps_out = maps, maps.convolved(n_filters, size, stride)
        self.W, self.b, self.dW, self.db, self.first = W, b, dW, db, first
        self.Y = shared_zeros((self.maps_out.size, m), dtype).T
        self.dX = shared_zeros((maps.size, 0 if first else m), dtype).T
        rows = [m * (k + 1) // shards - m * k // shards for k in range(shards)]
        self.patches = [Patches(n, maps, size, stride, dtype) for n in rows]
        # What W makes of a line of places, and the gradient by it; (n_filters, places * rows)
        self.lines = [np.empty((n_filters, self.maps_out.width * n), dtype) for n in rows]
        # What each shard's rows give of the gradients, and a line of places of it.
        self.dWs = shared_zeros((shards, *W.shape), dtype)
        self.dbs = shared_zeros((shards, n_filters), dtype)
        self.work = np.empty((shards, *W.shape), dtype)

    def forward(self, X: Floats, shard: Shard) -> Floats:
        patches = self.patches[shard.index]
        patches.load(X[shard.rows])
        convolve(patches, self.W, self.b, self.lines[shard.index], self.maps_out.view(self.Y[shard.rows]))
        return self.Y

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        i, patches, line, work = shard.index, self.patches[shard.index], self.lines[shard.index], self.work[shard.index]
        dY_maps = self.maps_out.view(dY[shard.rows])  # (n_filters, lines, places, rows)
        self.dWs[i].fill(0)
        patches.dX.fill(0)
        np.sum(dY_maps, axis=(1, 2, 3), out=self.dbs[i])
        for at in range(patches.n_lines):
            np.copyto(line.reshape(dY_maps[:, at].shape), dY_maps[:, at])
            np.matmul(patches.of_line(at), line.T, out=work)
            np.add(self.dWs[i], work, out=self.dWs[i])
            if not self.first:
                np.matmul(self.W, line, out=patches.d_flat)
                patches.add_gradient(at)
        if not self.first:
            np.copyto(self.maps.view(self.dX[shard.rows]), patches.dX)
        return self.dX

    def gradient(self, shard: Shard) -> None:
        if shard.index == shard.count - 1:
            np.sum(self.dWs, axis=0, out=self.dW)
            np.sum(self.dbs, axis=0, out=self.db)


def convolve(patches: Patches, W: Floats, b: Floats, line: Floats, Y: Floats) -> None:
    """Write what the filters make of the rows in ``patches`` into ``Y``, (n_filters, lines, places, m).

    ``W`` is (values of a patch, n_filters), ``b`` (n_filters,), and ``line`` (n_filters, places * m) of scratch.
    """
    for at in range(patches.n_lines):
        np.matmul(W.T, patches.of_line(at), out=line)
        np.add(line.reshape(Y[:, at].shape), b[:, None, None], out=Y[:, at])
