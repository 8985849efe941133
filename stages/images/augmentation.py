"""Warped training images: random rotation, scaling, shear, shift and elastic deformation.

A group of images shares one random displacement field. The group is transposed: pixels are rows, and images are
columns. Then a warped pixel is a weighted sum of four rows, and NumPy works on contiguous memory. For images of 28 x 28
this takes a fifth of the time of a matrix product with the dense (784, 784) matrix of the same weights
(benchmarks/augmentation.py).

Lengths are relative to the image's size, so the same strengths suit images of 8 x 8 and of 28 x 28.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.shared.arrays import Inputs

# So many fields are drawn at a time, because every NumPy call has a fixed cost.
N_FIELDS = 16

# Waves that the Gaussian reduces to a smaller fraction of their amplitude have no visible effect.
MIN_GAIN = 0.05


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly training images are warped. If all strengths are 0, the images are unchanged.

    "Size" is the smaller side of the image in pixels. The first four values are limits of uniform random numbers.

    Attributes
    ----------
    rotation : largest rotation in both directions, in degrees
    scale : largest change of height and of width, drawn separately; 0.1 is 10 %
    shear : largest slant, in columns per row
    shift : largest vertical and horizontal shift, drawn separately, as a fraction of the size
    elastic : root mean square displacement of the elastic deformation, as a fraction of the size; 0.04 is 1.1 pixels
        for 28 x 28
    smoothness : standard deviation of the Gaussian that smooths the elastic deformation, as a fraction of the size;
        small values crumple the image, large values bend it
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    smoothness: float = 0.18

    def __post_init__(self) -> None:
        for name in ("rotation", "scale", "shear", "shift", "elastic"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if not 0.0 < self.smoothness < np.inf:
            raise ValueError(f"smoothness must be above 0, not {self.smoothness}")

    @property
    def is_active(self) -> bool:
        """Whether images are warped at all."""
        return any((self.rotation, self.scale, self.shear, self.shift, self.elastic))


class Warp:
    """Warps images of one size. Each replica has its own ``Warp``, for one epoch.

    Parameters
    ----------
    augmentation : the strengths
    height, width : sides of the images in pixels
    dtype : dtype of the images and of the arithmetic, float32 or float64
    group : number of images that share a field

    Examples
    --------
    >>> warp = Warp(Augmentation(rotation=10, elastic=0.04), height=28, width=28)
    >>> X = np.random.default_rng(0).random((128, 784), dtype=np.float32)
    >>> X_warped = np.empty_like(X)
    >>> warp.warp(X, np.random.default_rng(1), out=X_warped)
    """

    def __init__(
        self, augmentation: Augmentation, height: int, width: int, dtype: npt.DTypeLike = np.float32, group: int = 64
    ) -> None:
        if min(height, width, group) < 1:
            raise ValueError(f"height, width and group must be 1 or more, not {height}, {width} and {group}")
        self.augmentation, self.height, self.width, self.group = augmentation, height, width, group
        n = height * width
        y, x = np.divmod(np.arange(n), width)
        # Every displacement is a linear combination of: the two centred coordinates, a constant, and smooth waves.
        waves, self._wave_rms = smooth_waves(augmentation, height, width)
        self._basis = np.vstack([y - (height - 1) / 2, x - (width - 1) / 2, np.ones(n), waves]).astype(dtype)

        # Positions are in an image with a border of zeros, one pixel wide. Positions outside are clipped to the border,
        # so they are black.
        self._grid = np.stack([y + 1, x + 1]).astype(dtype)
        self._last = np.array([[height + 1], [width + 1]], dtype)
        self._neighbours = np.empty((N_FIELDS, n, 4), np.intp)
        self._weights = np.empty((N_FIELDS, n, 1, 4), dtype)
        self._next = N_FIELDS  # index of the next unused field

        self._padded = np.zeros((height + 2, width + 2, group), dtype)
        self._neighbour_values = np.empty((n, 4, group), dtype)

    def warp(self, X: Inputs, rng: np.random.Generator, out: Inputs) -> None:
        """Write a warped copy of each image of ``X`` into ``out``, with a new field for every group of rows.

        Parameters
        ----------
        X : (m, height * width), with 0 as background
        rng : random numbers for the fields; several fields are drawn in advance
        out : (m, height * width); it must not share memory with ``X``. Fortran order is fastest
        """
        for start in range(0, len(X), self.group):
            if self._next == N_FIELDS:
                self.draw(rng)
            rows = X[start : start + self.group]
            # The last group may be smaller. Then the other columns of the buffers are not used.
            inside = self._padded[1:-1, 1:-1, : len(rows)]
            inside[...] = rows.T.reshape(inside.shape)
            # mode="clip" writes directly to `out`. It clips only neighbours with weight 0.
            pixels = self._padded.reshape(-1, self.group)
            np.take(pixels, self._neighbours[self._next], axis=0, out=self._neighbour_values, mode="clip")
            # (n, 1, 4) @ (n, 4, rows) -> (n, 1, rows)
            out_rows = out[start : start + self.group].T[:, None, :]
            np.matmul(self._weights[self._next], self._neighbour_values[:, :, : len(rows)], out=out_rows)
            self._next += 1

    def draw(self, rng: np.random.Generator) -> Inputs:
        """Draw the next fields: vertical and horizontal displacements in pixels, (N_FIELDS, 2, height * width).

        A pixel of the warped image has the value of the original image at this pixel plus its displacement.
        """
        affine = random_affine(self.augmentation, min(self.height, self.width), N_FIELDS, rng)
        waves = self._wave_rms * rng.standard_normal((N_FIELDS, 2, len(self._wave_rms)))
        coefficients = np.concatenate([affine, waves], axis=2).astype(self._basis.dtype)
        # One product for all fields: (2 * N_FIELDS, n_terms) @ (n_terms, n)
        displacement: Inputs = (coefficients.reshape(2 * N_FIELDS, -1) @ self._basis).reshape(N_FIELDS, 2, -1)
        self._find_neighbours(displacement)
        self._next = 0
        return displacement

    def _find_neighbours(self, displacement: Inputs) -> None:
        """Find each pixel's four neighbours in the padded image, and their bilinear weights."""
        position = np.clip(displacement + self._grid, 0, self._last)
        corner = np.floor(position)
        fraction = position - corner
        weights = (1 - fraction, fraction)  # of the neighbour before the position, and of the one after it
        row_length = self.width + 2
        first = (corner[:, 0] * row_length + corner[:, 1]).astype(np.intp)  # exact in float32 up to 2**24
        for k in range(4):
            down, right = divmod(k, 2)
            np.add(first, down * row_length + right, out=self._neighbours[:, :, k])
            np.multiply(weights[down][:, 0], weights[right][:, 1], out=self._weights[:, :, 0, k])


def warped_copies(image: Inputs, augmentation: Augmentation, rng: np.random.Generator, copies: int) -> Inputs:
    """``copies`` of ``image`` (height, width), each warped by its own field: (copies, height, width), float32."""
    height, width = image.shape
    X = np.tile(np.asarray(image, np.float32).reshape(1, -1), (copies, 1))  # (copies, n_pixels)
    X_warped = np.empty_like(X)
    Warp(augmentation, height, width, group=1).warp(X, rng, out=X_warped)
    return X_warped.reshape(copies, height, width)


def random_affine(augmentation: Augmentation, size: int, count: int, rng: np.random.Generator) -> Inputs:
    """Coefficients of y, x and 1 in random affine displacements of row and column, (count, 2, 3).

    The affine map stretches, slants and rotates about the image's centre, then shifts. The displacement is the map
    minus the identity, so strengths of 0 give exactly 0.
    """
    rotation, scale_y, scale_x, shear, shift_y, shift_x = rng.uniform(-1.0, 1.0, (6, count))
    angle = np.deg2rad(augmentation.rotation) * rotation
    cos, sin, slant = np.cos(angle), np.sin(angle), augmentation.shear * shear
    stretch_y, stretch_x = 1.0 + augmentation.scale * scale_y, 1.0 + augmentation.scale * scale_x
    step = augmentation.shift * size
    # The product of the matrices of rotation, slant and stretch, minus 1 on the diagonal.
    row = ((cos - sin * slant) * stretch_y - 1.0, -sin * stretch_x, step * shift_y)
    column = ((sin + cos * slant) * stretch_y, cos * stretch_x - 1.0, step * shift_x)
    return np.stack([np.stack(row, axis=-1), np.stack(column, axis=-1)], axis=1)


def smooth_waves(augmentation: Augmentation, height: int, width: int) -> tuple[Inputs, Inputs]:
    """The waves of an elastic deformation, and the RMS of each in pixels.

    Simard, Steinkraus and Platt (2003) smooth white noise with a Gaussian. In the cosine transform, this smoothing is a
    factor for each wave. All but about twenty waves vanish. So random normal coefficients for these waves give such
    noise directly, with a known strength. The constant wave is left out, because it would shift the whole image.

    Returns
    -------
    waves : (k, height * width), each with a mean square of 1
    rms : (k,), the standard deviations of the coefficients, for rows and for columns
    """
    size = min(height, width)
    sigma = augmentation.smoothness * size
    frequency_y, frequency_x = np.divmod(np.arange(height * width), width)  # in half turns along the side
    gain = np.exp(-0.5 * (np.pi * sigma) ** 2 * ((frequency_y / height) ** 2 + (frequency_x / width) ** 2))
    kept = np.flatnonzero(gain > MIN_GAIN)[1:] if augmentation.elastic else np.empty(0, np.intp)
    wave_y = np.cos(np.pi * np.outer(frequency_y[kept], np.arange(height) + 0.5) / height)  # (k, height)
    wave_x = np.cos(np.pi * np.outer(frequency_x[kept], np.arange(width) + 0.5) / width)  # (k, width)
    waves = (wave_y[:, :, None] * wave_x[:, None, :]).reshape(len(kept), height * width)
    waves /= np.sqrt(np.mean(waves**2, axis=1, keepdims=True))
    power = gain[kept] ** 2
    # Half of the mean square displacement is vertical, half is horizontal.
    return waves, augmentation.elastic * size * np.sqrt(power / (2.0 * power.sum()))
