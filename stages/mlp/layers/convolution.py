"""Convolution: a dense layer that looks at one patch of the image at a time, with the same weights everywhere.

A filter that has learned what a stroke looks like finds it wherever it is, from a few hundred weights. Moving on
by two pixels from patch to patch halves the image's sides, so no pooling is needed. Such a network is that of
Simard, Steinkraus and Platt, "Best practices for convolutional neural networks" (2003).

Rows of a batch are the innermost dimension here: what is copied and multiplied lies in long runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.mlp.parallel.memory import shared_zeros
from stages.mlp.parallel.replicas import Shard, part_of

Floats = npt.NDArray[np.floating[Any]]

# A line of patches is made for as many rows at a time as keep it within half of a core's second-level cache.
LINE_BYTES = 2**20
FEWEST_ROWS = 16  # a cache line


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """What a row holds before or after a convolution: ``channels`` images of ``height`` x ``width`` places.

    The images lie in the row one after the other, each line by line. An input is one channel, the picture itself.
    """

    channels: int
    height: int
    width: int

    @property
    def places(self) -> int:
        """Values per channel."""
        return self.height * self.width

    @property
    def size(self) -> int:
        """Values per row."""
        return self.channels * self.places

    def convolved(self, filters: int, stride: int) -> FeatureMaps:
        """What ``filters`` kernels make of these maps, whose centres lie at every ``stride``-th pixel."""
        return FeatureMaps(filters, -(-self.height // stride), -(-self.width // stride))

    def view(self, X: Floats) -> Floats:
        """Rows (m, size), in whatever order they lie in memory, as (channels, height, width, m); no copy."""
        return X.T.reshape(self.channels, self.height, self.width, len(X))


class Patches:
    """The patches of ``m`` rows, one line of places after the other, and the way back from their gradients.

    Around the maps lies a border of zeros, so that a kernel's centre can be at every pixel.

    Parameters
    ----------
    m : rows
    maps : what the rows hold
    kernel, stride : side of the kernel, and by how many pixels it moves on
    dtype : of everything
    """

    def __init__(self, m: int, maps: FeatureMaps, kernel: int, stride: int, dtype: npt.DTypeLike) -> None:
        places = maps.convolved(1, stride)
        self.stride, self.n_lines, self.n_across = stride, places.height, places.width
        before, around = (kernel - 1) // 2, kernel - 1
        inside = np.s_[:, before : before + maps.height, before : before + maps.width]
        padded = np.zeros((2, maps.channels, maps.height + around, maps.width + around, m), dtype)
        self.X, self.dX = padded[0][inside], padded[1][inside]  # (channels, height, width, m)
        self._dX_padded = padded[1]
        # (channels, lines, places, m, kernel, kernel): views of the pixels, which overlap
        windows = np.lib.stride_tricks.sliding_window_view(padded[0], (kernel, kernel), axis=(1, 2))
        self._windows = windows[:, ::stride, ::stride].transpose(1, 0, 4, 5, 2, 3)
        self._patches = np.empty((maps.channels, kernel, kernel, self.n_across, m), dtype)
        self._dpatches = np.empty_like(self._patches)
        # The same memory as matrices: (channels * kernel * kernel, places * m)
        self._flat = self._patches.reshape(maps.channels * kernel**2, self.n_across * m)
        self.d_flat = self._dpatches.reshape(self._flat.shape)

    def of_line(self, line: int) -> Floats:
        """The patches along one line of places: (values of a patch, places * m), overwritten by the next call."""
        np.copyto(self._patches, self._windows[line])
        return self._flat

    def clear_gradient(self) -> None:
        """Set dX to 0."""
        self._dX_padded.fill(0)

    def add_gradient(self, line: int) -> None:
        """Add ``d_flat``, the gradient by the patches of a line, to dX, that by the pixels they were copied from."""
        kernel = self._patches.shape[1]
        for i, j in product(range(kernel), repeat=2):
            reached = slice(j, j + self.stride * (self.n_across - 1) + 1, self.stride)
            pixels = self._dX_padded[:, line * self.stride + i, reached]  # (channels, places, m)
            np.add(pixels, self._dpatches[:, i, j], out=pixels)


class Convolution:
    """Y = W.T patch + b at every place.

    It is divided by rows, between layers that are divided by channels: so workers wait for each other on both
    sides, and each finds what its rows give of the gradients.

    Parameters
    ----------
    m : rows of a batch
    maps : what its input holds
    kernel, stride : side of the kernels, and by how many pixels they move on
    W, b : (values of a patch, n_filters) and (n_filters,); a patch's values lie as channels, lines, columns
    dW, db : where their gradients are written, the same shapes
    first : this is the first layer; X is divided by rows, and nobody asks for the gradient by it
    shards : how many workers share the batch
    """

    def __init__(
        self,
        m: int,
        maps: FeatureMaps,
        kernel: int,
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
        self.maps, self.maps_out = maps, maps.convolved(n_filters, stride)
        self.W, self.b, self.dW, self.db, self.first = W, b, dW, db, first
        self.X = np.empty((0, 0), dtype)  # the whole batch's, kept from forward
        self.Y = shared_zeros((self.maps_out.size, m), dtype).T
        self.dX = shared_zeros((maps.size, 0 if first else m), dtype).T
        self.blocks = [
            list(blocks_of(m, k, shards, len(W) * self.maps_out.width * dtype.itemsize)) for k in range(shards)
        ]
        # Each worker's patches, and what W makes of a line of them, (n_filters, places * rows), by numbers of rows.
        sizes = [{block.stop - block.start for block in blocks} for blocks in self.blocks]
        self.patches = [{n: Patches(n, maps, kernel, stride, dtype) for n in each} for each in sizes]
        self.lines = [{n: np.empty((n_filters, self.maps_out.width * n), dtype) for n in each} for each in sizes]
        # What each worker's rows give of the gradients, and what a line gives of it.
        self.dWs = shared_zeros((shards, *W.shape), dtype)
        self.dbs = shared_zeros((shards, n_filters), dtype)
        self.work = np.empty((shards, *W.shape), dtype)

    def forward(self, X: Floats, shard: Shard) -> Floats:
        self.X = X
        if not self.first:
            shard.wait()  # for the others' channels of X
        for block, patches, line in self._blocks(shard):
            np.copyto(patches.X, self.maps.view(X[block]))
            convolve(patches, self.W, self.b, line, self.maps_out.view(self.Y[block]))
        shard.wait()  # for the others' rows of Y
        return self.Y

    def backward(self, dY: Floats, shard: Shard) -> Floats:
        dW, work = self.dWs[shard.index], self.work[shard.index]
        shard.wait()  # for the others' channels of dY
        dW.fill(0)
        np.sum(self.maps_out.view(dY[shard.rows]), axis=(1, 2, 3), out=self.dbs[shard.index])
        for block, patches, line in self._blocks(shard):
            dY_block = self.maps_out.view(dY[block])  # (n_filters, lines, places, rows)
            np.copyto(patches.X, self.maps.view(self.X[block]))
            patches.clear_gradient()
            for at in range(patches.n_lines):
                np.copyto(line.reshape(dY_block[:, at].shape), dY_block[:, at])
                np.matmul(patches.of_line(at), line.T, out=work)
                np.add(dW, work, out=dW)
                if not self.first:
                    np.matmul(self.W, line, out=patches.d_flat)
                    patches.add_gradient(at)
            if not self.first:
                np.copyto(self.maps.view(self.dX[block]), patches.dX)
        shard.wait()  # for the others' rows of dX, dW and db
        return self.dX

    def gradient(self, shard: Shard) -> None:
        part = shard.part(len(self.W))
        np.sum(self.dWs[:, part], axis=0, out=self.dW[part])
        if shard.index == shard.count - 1:
            np.sum(self.dbs, axis=0, out=self.db)

    def _blocks(self, shard: Shard) -> Iterator[tuple[slice, Patches, Floats]]:
        """The shard's rows, a block at a time, with the memory for so many."""
        for block in self.blocks[shard.index]:
            n = block.stop - block.start
            yield block, self.patches[shard.index][n], self.lines[shard.index][n]


def blocks_of(m: int, shard: int, shards: int, line_bytes: int) -> Iterator[slice]:
    """A shard's rows of ``m`` in equal blocks, of which a line of patches, ``line_bytes`` a row, fits the cache."""
    rows = part_of(m, shard, shards)
    n_rows, most = rows.stop - rows.start, max(FEWEST_ROWS, LINE_BYTES // line_bytes)
    n_blocks = -(-n_rows // most)
    for k in range(n_blocks):
        block = part_of(n_rows, k, n_blocks)
        yield slice(rows.start + block.start, rows.start + block.stop)


def convolve(patches: Patches, W: Floats, b: Floats, line: Floats, Y: Floats) -> None:
    """Write what the filters make of the rows in ``patches`` into ``Y``, (n_filters, lines, places, m).

    ``W`` is (values of a patch, n_filters), ``b`` (n_filters,), and ``line`` (n_filters, places * m) of scratch.
    """
    for at in range(patches.n_lines):
        np.matmul(W.T, patches.of_line(at), out=line)
        np.add(line.reshape(Y[:, at].shape), b[:, None, None], out=Y[:, at])
