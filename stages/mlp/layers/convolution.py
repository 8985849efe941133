"""Convolution: a dense layer that looks at one patch of the image at a time, with the same weights everywhere.

A filter that has learned what a stroke looks like finds it wherever it is, from a few hundred weights. Moving on by two
places from patch to patch halves the image's sides. Such a network is that of Simard, Steinkraus and Platt, "Best
practices for convolutional neural networks" (2003).

All patches of a line of the output are the columns of one matrix, so that a convolution is a matrix product. The matrix
holds one copy of each line for each column of the kernel (``Patches``). The kernel's lines need no copies, because they
lie one after the other in memory. docs/how-convolutions-learn.md works all of it out with numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from stages.mlp.arrays import Floats
from stages.mlp.layers.feature_maps import FeatureMaps, by_channel


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """Where the patches of ``maps`` lie: of ``kernel`` x ``kernel`` places, and ``stride`` places from one to the next.

    Around the maps lies a border of zeros, so that a kernel's centre can be at every place.
    """

    maps: FeatureMaps
    kernel: int
    stride: int

    @property
    def border(self) -> int:
        """Width of the border above and on the left."""
        return (self.kernel - 1) // 2

    @property
    def patch_size(self) -> int:
        """Values of a patch."""
        return self.kernel**2 * self.maps.channels

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of ``Patches.columns`` for one row: (lines with the border, kernel, channels, places)."""
        return self.maps.height + self.kernel - 1, self.kernel, self.maps.channels, self.n_places

    @property
    def n_places(self) -> int:
        """How many patches lie side by side in a line."""
        return self.maps_out(1).width

    def maps_out(self, n_filters: int) -> FeatureMaps:
        """What ``n_filters`` filters make of the maps."""
        return self.maps.convolved(n_filters, self.stride)

    def places_and_pixels(self) -> list[tuple[slice, slice]]:
        """For each column of the kernel: the places at which it lies inside the image, and on which pixels.

        At place q of a line, column j of the kernel lies on pixel stride * q + j - border.
        """
        width, found = self.maps.width, []
        for column in range(self.kernel):
            offset = column - self.border  # of its pixel at place 0
            # The first place whose pixel is 0 or more, and the first whose pixel is `width` or more: both rounded up.
            first = max(0, -(offset // self.stride))
            stop = max(first, min(self.n_places, -((offset - width) // self.stride)))
            pixel = self.stride * first + offset
            found.append((slice(first, stop), slice(pixel, pixel + self.stride * (stop - first), self.stride)))
        return found


class Convolution:
    """Y = W.T patches + b, at every place of the output and for every row of the batch.

    X is (height, channels, width, m) and Y is (lines, n_filters, places, m): the last axis is the batch, see
    feature_maps.py.

    Parameters
    ----------
    W, b : weights (kernel * kernel * channels, n_filters) and biases (n_filters,); a patch's values lie line by line,
        in a line column by column, and at each place channel by channel
    dW, db : where their gradients are written, of the same shapes
    grid : where the patches lie
    m : rows of a batch
    first : whether this is the first layer with weights; nobody reads its dX, so it is not computed
    """

    def __init__(
        self, W: Floats, b: Floats, dW: Floats, db: Floats, grid: PatchGrid, m: int, *, first: bool = False
    ) -> None:
        self.W, self.b, self.dW, self.db, self.grid = W, b, dW, db, grid
        self.patches = Patches(grid, m, W.dtype)
        self.Y = grid.maps_out(len(b)).batch(m, W.dtype)
        self.dWs = np.empty((len(self.Y), *W.shape), W.dtype)  # what each line adds to dW
        self.transposed = None if first else TransposedConvolution(grid, len(b), m, W.dtype)

    def forward(self, X: Floats) -> Floats:
        self.patches.fill(X)
        # (n_filters, patch_size) @ (lines, patch_size, places * m) -> (lines, n_filters, places * m)
        np.matmul(self.W.T, self.patches.lines, out=by_channel(self.Y))
        self.Y += self.b[:, None, None]
        return self.Y

    def backward(self, dY: Floats) -> Floats:
        # (lines, patch_size, places * m) @ (lines, places * m, n_filters) -> (lines, patch_size, n_filters)
        np.matmul(self.patches.lines, by_channel(dY).transpose(0, 2, 1), out=self.dWs)
        np.add.reduce(self.dWs, axis=0, out=self.dW)
        np.add.reduce(dY, axis=(0, 2, 3), out=self.db)
        if self.transposed is None:
            return dY  # anything will do: nobody reads it
        return self.transposed.apply(dY, self.W)

    def predict(self, X: Floats) -> Floats:
        return Convolution(self.W, self.b, self.dW, self.db, self.grid, X.shape[-1], first=True).forward(X)


class Patches:
    """Every patch of a batch of maps.

    Attributes
    ----------
    columns : (lines with border, kernel, channels, places, m); at each place the values under each column of the kernel
    lines : (lines of the output, kernel * kernel * channels, places * m), a view of ``columns``
    """

    def __init__(self, grid: PatchGrid, m: int, dtype: npt.DTypeLike) -> None:
        self.columns = np.zeros((*grid.shape, m), dtype)
        self.lines = stacks_of(grid.kernel, self.columns)[:: grid.stride]
        self._inside = self.columns[grid.border : grid.border + grid.maps.height]
        self._places_and_pixels = grid.places_and_pixels()

    def fill(self, X: Floats) -> None:
        """Take in the maps ``X``, (height, channels, width, m)."""
        for column, (places, pixels) in enumerate(self._places_and_pixels):
            np.copyto(self._inside[:, column, :, places], X[:, :, pixels])


def stacks_of(n: int, lines: Floats) -> Floats:
    """All ``n`` lines that follow each other, one below the other in a matrix: a view, since they lie so in memory.

    (lines, ..., places, m) -> (lines - n + 1, n * ..., places * m)
    """
    a_line = lines.strides[0]  # bytes from one line to the next, and also from one matrix to the next
    stacks = as_strided(lines, (len(lines) - n + 1, n, *lines.shape[1:]), (a_line, *lines.strides))
    return stacks.reshape(len(stacks), prod(stacks.shape[1:-2]), prod(stacks.shape[-2:]))


class TransposedConvolution:
    """The way back: each value of dY goes to all pixels of its patch, times the weights through which it saw them.

    Line t of the output sees line stride * t + i of the image, border included, through line i of the kernel. So line
    stride * t + phase of dX is

        W[phase] dY[t] + W[phase + stride] dY[t - 1] + W[phase + 2 * stride] dY[t - 2] + ...

    This is one matrix product: these lines of the kernel side by side, the last one first, times lines of dY that lie
    one after the other. Its result has a copy of the line of dX for each column of the kernel, as ``Patches.columns``
    has of X. The copies are moved back and added up. docs/how-convolutions-learn.md has an example.
    """

    def __init__(self, grid: PatchGrid, n_filters: int, m: int, dtype: npt.DTypeLike) -> None:
        maps, out, kernel, stride = grid.maps, grid.maps_out(n_filters), grid.kernel, grid.stride
        self.grid, self._places_and_pixels = grid, grid.places_and_pixels()
        self.dX = maps.batch(m, dtype)
        self.columns = np.zeros((maps.height, kernel, maps.channels, out.width, m), dtype)
        # dY between lines of zeros, so that the first and the last line of dX (with t = last_t) are no exceptions.
        above, last_t = (kernel - 1) // stride, (grid.border + maps.height - 1) // stride
        padded_dY = np.zeros((above + last_t + 1, n_filters, out.width, m), dtype)
        self._inside = padded_dY[above : above + out.height]
        # By phase: its lines of the kernel, the lines of dY that they are multiplied with, and the lines of `columns`.
        self.phases: dict[int, tuple[Floats, Floats, Floats]] = {}
        for line in range(min(stride, maps.height)):
            # With the border, this line of the image is line stride * t + phase. The next of this phase has t + 1.
            t, phase = divmod(grid.border + line, stride)
            n = len(range(phase, kernel, stride))  # lines of the kernel
            if n > 0:  # else no patch reaches these lines
                flipped = np.empty((kernel * maps.channels, n, n_filters), dtype)
                products = self.columns.reshape(maps.height, kernel * maps.channels, -1)[line::stride]
                dY_stacks = stacks_of(n, padded_dY)[above + t + 1 - n :][: len(products)]  # the first ends with line t
                self.phases[phase] = flipped, dY_stacks, products

    def apply(self, dY: Floats, W: Floats) -> Floats:
        """dX, (height, channels, width, m), from ``dY``, (lines, n_filters, places, m), and the filters ``W``."""
        np.copyto(self._inside, dY)
        kernel_lines = W.reshape(self.grid.kernel, -1, W.shape[1])  # (kernel, kernel * channels, n_filters)
        for phase, (flipped, dY_stacks, products) in self.phases.items():
            np.copyto(flipped, kernel_lines[phase :: self.grid.stride][::-1].transpose(1, 0, 2))
            np.matmul(flipped.reshape(len(flipped), -1), dY_stacks, out=products)
        self.dX.fill(0)
        for column, (places, pixels) in enumerate(self._places_and_pixels):
            self.dX[:, :, pixels] += self.columns[:, column, :, places]
        return self.dX
