"""Convolution: a dense layer that looks at one patch of the image at a time, with the same weights everywhere.

A filter that has learned what a stroke looks like finds it wherever it is, from a few hundred weights. Moving on by two
places from patch to patch halves the image's sides. Such a network is that of Simard, Steinkraus and Platt, "Best
practices for convolutional neural networks" (2003).

All patches of a line of the output are the columns of one matrix, so that a convolution is a matrix product. The matrix
holds one copy of each line for each column of the kernel (``Patches``). The kernel's lines need no copies, because they
lie one after the other in memory.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from stages.mlp.arrays import Floats
from stages.mlp.layers.feature_maps import FeatureMaps


class Convolution:
    """Y = W.T patch + b, at every place of the output.

    Parameters
    ----------
    W, b : weights (kernel * kernel * channels, n_filters) and biases (n_filters,); a patch's values lie line by line,
        in a line column by column, and at each place channel by channel
    dW, db : where their gradients are written, of the same shapes
    maps : what its input holds
    kernel, stride : side of the kernel, and by how many places it moves on
    m : rows of a batch
    first : no layer with parameters stands before this one, so nobody asks for dX
    """

    def __init__(
        self,
        W: Floats,
        b: Floats,
        dW: Floats,
        db: Floats,
        *,
        maps: FeatureMaps,
        kernel: int,
        stride: int,
        m: int,
        first: bool = False,
    ) -> None:
        self.W, self.b, self.dW, self.db, self.first = W, b, dW, db, first
        self.maps, self.kernel, self.stride = maps, kernel, stride
        self.maps_out = maps.convolved(len(b), stride)
        self.patches = Patches(maps, kernel, stride, m, W.dtype)
        self.Y = self.maps_out.batch(m, W.dtype)
        self.dWs = np.empty((self.maps_out.height, *W.shape), W.dtype)  # what each line adds to dW
        self.scatter = None if first else Scatter(self.maps_out, maps, kernel, stride, m, W.dtype)

    def forward(self, X: Floats) -> Floats:
        self.patches.fill(X)
        np.matmul(self.W.T, self.patches.lines, out=by_line(self.Y))  # (n_filters, patch) @ (lines, patch, places)
        self.Y += self.b[:, None, None]
        return self.Y

    def backward(self, dY: Floats) -> Floats:
        np.matmul(self.patches.lines, by_line(dY).transpose(0, 2, 1), out=self.dWs)
        np.add.reduce(self.dWs, axis=0, out=self.dW)
        np.add.reduce(dY, axis=(0, 2, 3), out=self.db)
        return dY if self.scatter is None else self.scatter.back(dY, self.W)

    def predict(self, X: Floats) -> Floats:
        m = X.shape[-1]
        patches = Patches(self.maps, self.kernel, self.stride, m, X.dtype)
        patches.fill(X)
        Y = self.maps_out.batch(m, X.dtype)
        np.matmul(self.W.T, patches.lines, out=by_line(Y))
        Y += self.b[:, None, None]
        return Y


def by_line(Y: Floats) -> Floats:
    """Feature maps (height, channels, width, m) as a matrix a line, (height, channels, width * m); no copy."""
    return Y.reshape(len(Y), Y.shape[1], -1)


class Patches:
    """Every patch of a batch of maps.

    Around the maps lies a border of zeros, so that a kernel's centre can be at every place.

    Attributes
    ----------
    columns : (lines with border, kernel, channels, places, m); at each place the values of the kernel's columns
    lines : (lines of the output, kernel * kernel * channels, places * m), a view of ``columns``
    """

    def __init__(self, maps: FeatureMaps, kernel: int, stride: int, m: int, dtype: npt.DTypeLike) -> None:
        out = maps.convolved(1, stride)
        before = (kernel - 1) // 2
        n_lines = max(before + maps.height, stride * (out.height - 1) + kernel)
        self.columns = np.zeros((n_lines, kernel, maps.channels, out.width, m), dtype)
        self._inside = self.columns[before : before + maps.height]
        self._reach = [Reach(column - before, maps.width, out.width, stride) for column in range(kernel)]
        line, value = self.columns.strides[0], m * out.width * self.columns.itemsize
        self.lines = as_strided(
            self.columns,
            (out.height, kernel * kernel * maps.channels, out.width * m),
            (stride * line, value, self.columns.itemsize),
        )

    def fill(self, X: Floats) -> None:
        """Take in the maps ``X``, (height, channels, width, m)."""
        for column, reach in enumerate(self._reach):
            np.copyto(self._inside[:, column, :, reach.places], X[:, :, reach.pixels])


class Reach:
    """Which places of the output see which pixels of a line through one column of the kernel: two slices.

    ``offset`` is the kernel's column less the border's width on the left; ``width`` and ``n_places`` are those of the
    input and of the output.
    """

    def __init__(self, offset: int, width: int, n_places: int, stride: int) -> None:
        first = max(0, -(offset // stride))  # the first place whose pixel, stride * place + offset, is in the image
        last = min(n_places - 1, (width - 1 - offset) // stride)
        self.places = slice(first, max(last + 1, first))
        start = stride * first + offset
        self.pixels = slice(start, max(stride * last + offset + 1, start), stride)


class Scatter:
    """The way back: from the gradient by the output to that by the input.

    Line p of the input, border included, was seen by line t of the output through line p - stride * t of the kernel.
    So p = stride * t + phase gets W[phase] dY[t] + W[phase + stride] dY[t - 1] + ...: again one matrix product a line,
    whose right side is lines of dY that lie one after the other.
    """

    def __init__(
        self, maps_out: FeatureMaps, maps: FeatureMaps, kernel: int, stride: int, m: int, dtype: npt.DTypeLike
    ) -> None:
        before = (kernel - 1) // 2
        self.kernel, self.stride = kernel, stride
        most = -(-kernel // stride)  # lines of dY that a line of dX needs
        n_lines = most - 1 + max(maps_out.height, (before + maps.height - 1) // stride + 1)
        padded = np.zeros((n_lines, maps_out.channels, maps_out.width, m), dtype)
        self._dY = padded[most - 1 : most - 1 + maps_out.height]
        self.dX = maps.batch(m, dtype)
        # The gradient by ``Patches.columns``, without the border; lines that no kernel saw stay 0.
        self._dcolumns = np.zeros((maps.height, kernel, maps.channels, maps_out.width, m), dtype)
        self._reach = [Reach(column - before, maps.width, maps_out.width, stride) for column in range(kernel)]
        self._phases = []
        for phase in range(min(stride, kernel)):
            first = (phase - before) % stride  # the first line of dX of this phase
            n_needed = -(-(kernel - phase) // stride)
            start, count = (before + first) // stride - n_needed + most, -(-(maps.height - first) // stride)
            if count > 0:
                shape = (count, n_needed * maps_out.channels, maps_out.width * m)
                strides = (padded.strides[0], maps_out.width * m * padded.itemsize, padded.itemsize)
                seen = as_strided(padded[start:], shape, strides)
                W = np.empty((kernel * maps.channels, n_needed, maps_out.channels), dtype)
                dlines = self._dcolumns[first::stride].reshape(count, kernel * maps.channels, -1)
                self._phases.append((phase, W, seen, dlines))

    def back(self, dY: Floats, W: Floats) -> Floats:
        """dX, (height, channels, width, m), from ``dY``, (lines, n_filters, places, m), and the filters ``W``."""
        np.copyto(self._dY, dY)
        by_kernel_line = W.reshape(self.kernel, -1, W.shape[1])  # (kernel, kernel * channels, n_filters)
        for phase, own, seen, dlines in self._phases:
            np.copyto(own, by_kernel_line[phase :: self.stride][::-1].transpose(1, 0, 2))
            np.matmul(own.reshape(len(own), -1), seen, out=dlines)
        self.dX.fill(0)
        for column, reach in enumerate(self._reach):
            self.dX[:, :, reach.pixels] += self._dcolumns[:, column, :, reach.places]
        return self.dX
