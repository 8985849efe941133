"""Warped training images: random rotation, scaling, shear, shift and elastic deformation.

A group of images shares one random displacement field. The group is turned so that pixels are rows and
images are columns: a warped pixel is then a weighted sum of four whole rows, which NumPy gathers and adds
in contiguous runs. On images of 28 x 28 that takes a fifth of the time of a matrix product with the dense
(784, 784) matrix of the same weights (benchmarks/augmentation.py).

Lengths are relative to the image's size, so that one set of strengths suits 8 x 8 as well as 28 x 28.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats

# Fields are drawn this many at a time: NumPy's price for a call is then paid once for all of them.
FIELDS = 16

# A wave that the Gaussian dims below this share of its height adds nothing that one could see.
GAIN_KEPT = 0.05


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly training images are warped; with every strength at 0 they stay as they are.

    "Size" is the smaller side of the image in pixels. The first four are limits of uniform draws.

    Attributes
    ----------
    rotation : largest turn either way, in degrees
    scale : largest stretch or shrinkage, drawn for height and width separately; 0.1 is 10 %
    shear : largest slant, in columns per row
    shift : largest movement, drawn for up-down and left-right separately, as a fraction of the size
    elastic : root mean square of the distance by which the elastic deformation moves a pixel, as a
        fraction of the size; 0.04 is 1.1 pixels at 28 x 28
    smoothness : standard deviation of the Gaussian that smooths the elastic deformation, as a fraction
        of the size: small values crumple, large values bend
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
    """Warps images of one size with fields drawn from an ``Augmentation``. One serves one replica for an epoch.

    Parameters
    ----------
    augmentation : the strengths
    height, width : the images' sides in pixels; an image is a row of height * width values
    dtype : of the images and of the arithmetic, float32 or float64
    group : how many images share a field

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
        # What a displacement is made of: the two centred coordinates, a constant, and smooth waves.
        waves, self._wave_rms = smooth_waves(augmentation, height, width)
        self._basis = np.vstack([y - (height - 1) / 2, x - (width - 1) / 2, np.ones(n), waves]).astype(dtype)

        # Positions count from the corner of an image with a border of zeros, one pixel wide. Whatever lies
        # further out is drawn back to that border, and so is black.
        self._grid = np.stack([y + 1, x + 1]).astype(dtype)
        self._last = np.array([[height + 1], [width + 1]], dtype)
        self._neighbours = np.empty((FIELDS, n, 4), np.intp)
        self._weights = np.empty((FIELDS, n, 1, 4), dtype)
        self._next = FIELDS  # the first field that is not yet used

        self._padded = np.zeros((height + 2, width + 2, group), dtype)
        self._taps = np.empty((n, 4, group), dtype)

    def warp(self, X: Floats, rng: np.random.Generator, out: Floats) -> None:
        """Write a warped copy of each image of ``X`` into ``out``, with a fresh field for every group of rows.

        Parameters
        ----------
        X : (m, height * width), with 0 as background
        rng : where the fields are drawn from, several ahead
        out : (m, height * width), other memory than ``X``. It is filled fastest if it is the transpose of a
            contiguous (height * width, m) array, which a matrix product reads just as readily.
        """
        for start in range(0, len(X), self.group):
            if self._next == FIELDS:
                self.draw(rng)
            rows = X[start : start + self.group]
            # A last, smaller group fills the first columns only; what the others hold is not read back.
            inside = self._padded[1:-1, 1:-1, : len(rows)]
            inside[...] = rows.T.reshape(inside.shape)
            # mode="clip" spares a copy of the output. What it clips is a neighbour of weight 0.
            pixels = self._padded.reshape(-1, self.group)
            np.take(pixels, self._neighbours[self._next], axis=0, out=self._taps, mode="clip")
            # (n, 1, 4) @ (n, 4, rows) -> (n, 1, rows)
            out_rows = out[start : start + self.group].T[:, None, :]
            np.matmul(self._weights[self._next], self._taps[:, :, : len(rows)], out=out_rows)
            self._next += 1

    def draw(self, rng: np.random.Generator) -> Floats:
        """Draw the next fields: displacements in pixels, (FIELDS, 2, height * width), of rows and of columns.

        A warped image shows at each pixel what the original holds at that pixel plus its displacement.
        """
        affine = random_affine(self.augmentation, min(self.height, self.width), FIELDS, rng)
        waves = self._wave_rms * rng.standard_normal((FIELDS, 2, len(self._wave_rms)))
        coefficients = np.concatenate([affine, waves], axis=2).astype(self._basis.dtype)
        # One product for all fields: (2 * FIELDS, n_terms) @ (n_terms, n)
        displacement: Floats = (coefficients.reshape(2 * FIELDS, -1) @ self._basis).reshape(FIELDS, 2, -1)
        self._aim(displacement)
        self._next = 0
        return displacement

    def _aim(self, displacement: Floats) -> None:
        """Find each pixel's four neighbours in the padded image, and their bilinear weights."""
        position = np.clip(displacement + self._grid, 0, self._last)
        corner = np.floor(position)
        after = position - corner
        nearness = (1 - after, after)  # to the corner before the position, and to that after it
        row_length = self.width + 2
        first = (corner[:, 0] * row_length + corner[:, 1]).astype(np.intp)  # exact in float32 up to 2**24
        for k in range(4):
            down, right = divmod(k, 2)
            np.add(first, down * row_length + right, out=self._neighbours[:, :, k])
            np.multiply(nearness[down][:, 0], nearness[right][:, 1], out=self._weights[:, :, 0, k])


def warped_copies(image: Floats, augmentation: Augmentation, rng: np.random.Generator, copies: int) -> Floats:
    """``copies`` of ``image`` (height, width), each warped by a field of its own: (copies, height, width), float32."""
    height, width = image.shape
    X = np.tile(np.asarray(image, np.float32).reshape(1, -1), (copies, 1))  # (copies, n_pixels)
    X_warped = np.empty_like(X)
    Warp(augmentation, height, width, group=1).warp(X, rng, out=X_warped)
    return X_warped.reshape(copies, height, width)


def random_affine(augmentation: Augmentation, size: int, count: int, rng: np.random.Generator) -> Floats:
    """Coefficients of random affine displacements, (count, 2, 3): for row and column, of y, x and 1.

    The map turns, slants and stretches about the image's centre, then shifts. What is returned is the map
    less the identity, so that strengths of 0 give exactly 0.
    """
    rotation, scale_y, scale_x, shear, shift_y, shift_x = rng.uniform(-1.0, 1.0, (6, count))
    angle = np.deg2rad(augmentation.rotation) * rotation
    cos, sin, slant = np.cos(angle), np.sin(angle), augmentation.shear * shear
    stretch_y, stretch_x = 1.0 + augmentation.scale * scale_y, 1.0 + augmentation.scale * scale_x
    step = augmentation.shift * size
    # The product of the turn, the slant and the stretch, written out; less 1 on the diagonal.
    row = ((cos - sin * slant) * stretch_y - 1.0, -sin * stretch_x, step * shift_y)
    column = ((sin + cos * slant) * stretch_y, cos * stretch_x - 1.0, step * shift_x)
    return np.stack([np.stack(row, axis=-1), np.stack(column, axis=-1)], axis=1)


def smooth_waves(augmentation: Augmentation, height: int, width: int) -> tuple[Floats, Floats]:
    """Waves that add up to an elastic deformation, and the RMS in pixels that each is to have in it.

    Simard, Steinkraus and Platt (2003) smooth white noise with a Gaussian. In the cosine transform that
    smoothing is a factor for each wave, and all but some twenty waves vanish; drawing normal coefficients
    for those gives such noise directly, and its strength is known without measuring. The constant wave is
    left out: moving the whole image is what ``shift`` is for.

    Returns
    -------
    waves : (k, height * width), each with a mean square of 1
    rms : (k,), the standard deviations of the coefficients, for rows as for columns
    """
    size = min(height, width)
    sigma = augmentation.smoothness * size
    frequency_y, frequency_x = np.divmod(np.arange(height * width), width)  # in half turns along the side
    gain = np.exp(-0.5 * (np.pi * sigma) ** 2 * ((frequency_y / height) ** 2 + (frequency_x / width) ** 2))
    kept = np.flatnonzero(gain > GAIN_KEPT)[1:] if augmentation.elastic else np.empty(0, np.intp)
    wave_y = np.cos(np.pi * np.outer(frequency_y[kept], np.arange(height) + 0.5) / height)  # (k, height)
    wave_x = np.cos(np.pi * np.outer(frequency_x[kept], np.arange(width) + 0.5) / width)  # (k, width)
    waves = (wave_y[:, :, None] * wave_x[:, None, :]).reshape(len(kept), height * width)
    waves /= np.sqrt(np.mean(waves**2, axis=1, keepdims=True))
    power = gain[kept] ** 2
    # Half of the mean square distance is the rows' part, half the columns'.
    return waves, augmentation.elastic * size * np.sqrt(power / (2.0 * power.sum()))
