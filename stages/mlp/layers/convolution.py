"""Convolution: a dense layer that is applied to every patch of the image, with the same weights for each patch.

A filter needs few weights, and finds a stroke at any place in the image. A stride of 2 halves the sides of the image.
Simard, Steinkraus and Platt, "Best practices for convolutional neural networks" (2003), use such networks.

A patch is a square of kernel x kernel pixels. A filter is the weights of one output. In im2col, each patch is a column
of a matrix, so a convolution is a matrix product. Here each line of the output has its own matrix. Lines of the image
are copied once for each column of the kernel, each copy shifted by one pixel (``Patches``). They are not copied again
for the lines of the kernel: neighbouring matrices overlap in memory. docs/how-convolutions-learn.md has an example.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from stages.mlp.arrays import Floats
from stages.mlp.layers.feature_maps import FeatureMaps, by_channel


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """The patches of ``maps``: ``kernel`` x ``kernel`` places each, at a distance of ``stride`` places.

    The maps have a border of zeros (padding), so that the kernel's centre can be at any place.
    """

    maps: FeatureMaps
    kernel: int
    stride: int

    @property
    def border(self) -> int:
        """Width of the border above and to the left of the maps."""
        return (self.kernel - 1) // 2

    @property
    def patch_size(self) -> int:
        """Values in a patch."""
        return self.kernel**2 * self.maps.channels

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of ``Patches.copies`` for one row: (lines with the border, kernel, channels, places of a line)."""
        return self.maps.height + self.kernel - 1, self.kernel, self.maps.channels, self.places_per_line

    @property
    def places_per_line(self) -> int:
        """Places, and so patches, in a line of the output."""
        return self.maps_out(1).width

    def maps_out(self, n_filters: int) -> FeatureMaps:
        """The maps after a convolution with ``n_filters`` filters."""
        return self.maps.convolved(n_filters, self.stride)

    def places_and_pixels(self) -> list[tuple[slice, slice]]:
        """For each column of the kernel: the places where it covers a pixel of the image, and these pixels.

        At place q of a line, column j of the kernel covers pixel stride * q + j - border.
        """
        found = []
        for column in range(self.kernel):
            pixels = range(column - self.border, self.maps.width + self.kernel, self.stride)[: self.places_per_line]
            inside = [q for q, pixel in enumerate(pixels) if 0 <= pixel < self.maps.width]
            places = slice(inside[0], inside[-1] + 1) if inside else slice(0, 0)
            first = pixels[places.start]
            found.append((places, slice(first, first + self.stride * len(inside), self.stride)))
        return found


class Convolution:
    """Y = W.T patches + b, where every patch is a column of ``patches``.

    X is (height, channels, width, m) and Y is (lines, n_filters, places, m), as in feature_maps.py.

    Parameters
    ----------
    W, b : weights (kernel * kernel * channels, n_filters), in the order line, column, channel; biases (n_filters,)
    dW, db : buffers for their gradients, of the same shapes
    grid : the patches
    m : rows of a mini-batch, or of a part of it
    first : whether this is the first layer with weights; its dX is not needed, and not computed
    """

    def __init__(
        self, W: Floats, b: Floats, dW: Floats, db: Floats, grid: PatchGrid, m: int, *, first: bool = False
    ) -> None:
        self.W, self.b, self.dW, self.db, self.grid = W, b, dW, db, grid
        self.patches = Patches(grid, m, W.dtype)
        self.Y = grid.maps_out(len(b)).batch(m, W.dtype)
        self.dW_per_line = np.empty((len(self.Y), *W.shape), W.dtype)  # the terms of dW
        self.transposed = None if first else TransposedConvolution(grid, len(b), m, W.dtype)

    def forward(self, X: Floats) -> Floats:
        self.patches.fill(X)
        # (n_filters, patch_size) @ (lines, patch_size, places * m) -> (lines, n_filters, places * m)
        np.matmul(self.W.T, self.patches.lines, out=by_channel(self.Y))
        self.Y += self.b[:, None, None]
        return self.Y

    def backward(self, dY: Floats) -> Floats:
        # (lines, patch_size, places * m) @ (lines, places * m, n_filters) -> (lines, patch_size, n_filters)
        np.matmul(self.patches.lines, by_channel(dY).transpose(0, 2, 1), out=self.dW_per_line)
        self.dW_per_line.sum(axis=0, out=self.dW)
        dY.sum(axis=(0, 2, 3), out=self.db)
        if self.transposed is None:
            return dY  # in place of dX: the value is not used
        return self.transposed.apply(dY, self.W)

    def predict(self, X: Floats) -> Floats:
        return Convolution(self.W, self.b, self.dW, self.db, self.grid, X.shape[-1], first=True).forward(X)


class Patches:
    """All patches of a mini-batch of maps.

    Attributes
    ----------
    copies : one shifted copy of X for each column of the kernel; with a stride, only every stride-th pixel:
        (lines with border, kernel, channels, places of a line, m)
    lines : for each line of the output the matrix of its patches, a view of ``copies``:
        (lines of the output, kernel * kernel * channels, places of a line * m)
    """

    def __init__(self, grid: PatchGrid, m: int, dtype: npt.DTypeLike) -> None:
        self.copies = np.zeros((*grid.shape, m), dtype)
        self.lines = overlapping_matrices(grid.kernel, self.copies)[:: grid.stride]
        self._inside = self.copies[grid.border : grid.border + grid.maps.height]
        self._places_and_pixels = grid.places_and_pixels()

    def fill(self, X: Floats) -> None:
        """Copy the maps ``X``, (height, channels, width, m)."""
        for column, (places, pixels) in enumerate(self._places_and_pixels):
            np.copyto(self._inside[:, column, :, places], X[:, :, pixels])


def overlapping_matrices(n: int, lines: Floats) -> Floats:
    """A view in which any ``n`` consecutive lines are one matrix. The matrices overlap in memory.

    (lines, ..., places, m) -> (lines - n + 1, n * ..., places * m)
    """
    matrices = np.moveaxis(sliding_window_view(lines, n, axis=0), -1, 1)  # (lines - n + 1, n, ..., places, m)
    return matrices.reshape(len(matrices), prod(matrices.shape[1:-2]), prod(matrices.shape[-2:]))


class TransposedConvolution:
    """Computes dX: every value of dY, times the weights of its filter, is added to the pixels of its patch.

    Line t of the output depends on line stride * t + i of the image, border included, through line i of the kernel. So
    line stride * t + phase of dX is

        W[phase] dY[t] + W[phase + stride] dY[t - 1] + W[phase + 2 * stride] dY[t - 2] + ...

    This sum is one matrix product. The left factor has these lines of the kernel side by side, in reverse order: the
    kernel is flipped vertically. The right factor is a view of consecutive lines of dY. The result is like
    ``Patches.copies``: it has one copy of the line of dX for each column of the kernel. The copies are shifted back and
    added. See docs/how-convolutions-learn.md.
    """

    def __init__(self, grid: PatchGrid, n_filters: int, m: int, dtype: npt.DTypeLike) -> None:
        maps, out, kernel, stride = grid.maps, grid.maps_out(n_filters), grid.kernel, grid.stride
        self.grid, self._places_and_pixels = grid, grid.places_and_pixels()
        self.dX = maps.batch(m, dtype)
        self.copies = np.zeros((maps.height, kernel, maps.channels, out.width, m), dtype)
        # dY with lines of zeros above and below: the first and the last line of dX (t = last_t) need no extra code.
        above, last_t = (kernel - 1) // stride, (grid.border + maps.height - 1) // stride
        padded_dY = np.zeros((above + last_t + 1, n_filters, out.width, m), dtype)
        self._inside = padded_dY[above : above + out.height]
        # For each phase: the left factor, the right factors, and the lines of `copies` for the products.
        self.phases: list[tuple[int, Floats, Floats, Floats]] = []
        for line in range(min(stride, maps.height)):
            # With the border, this line of the image is line stride * t + phase. The next line of this phase has t + 1.
            t, phase = divmod(grid.border + line, stride)
            n = len(range(phase, kernel, stride))  # lines of the kernel
            if n > 0:  # else these lines are in no patch
                flipped = np.empty((kernel * maps.channels, n, n_filters), dtype)
                products = self.copies.reshape(maps.height, kernel * maps.channels, -1)[line::stride]
                first = above + t + 1 - n  # the first of the n lines that end with line t of dY
                dY_matrices = overlapping_matrices(n, padded_dY)[first:][: len(products)]
                self.phases.append((phase, flipped, dY_matrices, products))

    def apply(self, dY: Floats, W: Floats) -> Floats:
        """dX, (height, channels, width, m), from ``dY``, (lines, n_filters, places, m), and the filters ``W``."""
        np.copyto(self._inside, dY)
        kernel_lines = W.reshape(self.grid.kernel, -1, W.shape[1])  # (kernel, kernel * channels, n_filters)
        for phase, flipped, dY_matrices, products in self.phases:
            np.copyto(flipped, kernel_lines[phase :: self.grid.stride][::-1].transpose(1, 0, 2))
            np.matmul(flipped.reshape(len(flipped), -1), dY_matrices, out=products)
        self.dX.fill(0)
        for column, (places, pixels) in enumerate(self._places_and_pixels):
            self.dX[:, :, pixels] += self.copies[:, column, :, places]
        return self.dX
