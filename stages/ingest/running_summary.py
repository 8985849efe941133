"""A summary of one set of images, gathered block by block in bounded memory.

Images are identified by a 64-bit hash of their pixels, 8 bytes a row. So duplicates, and images that are in both sets,
are found without keeping any image.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stages.ingest.profile import ClassCount, ImageSet
from stages.shared.arrays import border
from stages.shared.documents import Label

if TYPE_CHECKING:
    from stages.ingest.csv.parse import ParsedRows

DARK = 0.6  # of the pixel range: a border that is lighter than this in the mean is a light background
SUMMED_ROWS = 64  # of each block; enough to see which of ink and background is darker
MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / the golden ratio: an odd number without a pattern


class Summary:
    """Gathers, block by block, what a profile says about one set of images with ``n_pixels`` each."""

    def __init__(self, n_pixels: int) -> None:
        self.smallest = np.full(n_pixels, 255, dtype=np.uint8)
        self.largest = np.zeros(n_pixels, dtype=np.uint8)
        self.sums = np.zeros(n_pixels, dtype=np.int64)  # over the first rows of each block
        self.n_summed = 0
        self.n_blank = 0
        self.n_of_class: Counter[Label] = Counter()
        self.hash_blocks: list[NDArray[np.uint64]] = []
        self.code_blocks: list[NDArray[np.uint64]] = []

    def add(self, rows: ParsedRows) -> None:
        """Take in a block of rows."""
        pixels = rows.pixels  # (n_pixels, m)
        np.minimum(self.smallest, pixels.min(axis=1, initial=255), out=self.smallest)
        np.maximum(self.largest, pixels.max(axis=1, initial=0), out=self.largest)
        first = pixels[:, :SUMMED_ROWS]
        self.sums += first.sum(axis=1, dtype=np.int64)
        self.n_summed += first.shape[1]
        self.n_blank += int(np.count_nonzero(pixels.min(axis=0) == pixels.max(axis=0)))
        self.hash_blocks.append(rows.hashes)
        self.n_of_class.update(rows.labels)
        code = {label: index for index, label in enumerate(self.n_of_class)}
        self.code_blocks.append(np.array([code[label] for label in rows.labels], dtype=np.uint64))

    @property
    def n_rows(self) -> int:
        """How many rows were taken in."""
        return sum(map(len, self.hash_blocks))

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """The hash of each row's image, (n_rows,)."""
        return np.concatenate(self.hash_blocks)

    @property
    def codes(self) -> NDArray[np.uint64]:
        """Each row's label as its index in the order of first occurrence, (n_rows,)."""
        return np.concatenate(self.code_blocks)

    def image_set(self, names: tuple[str, ...], shape: tuple[int, int]) -> ImageSet:
        """What was gathered about the images of ``shape`` (height, width); ``names`` are the pixel columns."""
        smallest, largest = int(self.smallest.min()), int(self.largest.max())
        means = (self.sums / max(self.n_summed, 1)).reshape(shape)
        lightest_dark = smallest + DARK * (largest - smallest)
        return ImageSet(
            rows=self.n_rows,
            pixel_range=(smallest, largest),
            is_dark_on_light=bool(border(means).mean() > lightest_dark),
            constant_pixels=tuple(names[index] for index in np.flatnonzero(self.smallest == self.largest)),
            blank_images=self.n_blank,
            duplicate_rows=self.n_rows - len(np.unique(self.hashes)),
        )

    def class_counts(self) -> tuple[ClassCount, ...]:
        """Every label with its number of rows, in ascending order."""
        return tuple(ClassCount(label=label, rows=rows) for label, rows in sorted(self.n_of_class.items()))

    def rows_labelled(self, label: Label) -> NDArray[np.int64]:
        """Which rows have this label, ascending; rows count from 0."""
        return np.flatnonzero(self.codes == list(self.n_of_class).index(label))

    def n_conflicting(self) -> int:
        """How many further labels there are for images that were seen before under another label."""
        labelled = self.hashes + self.codes * MIXER
        return len(np.unique(labelled)) - len(np.unique(self.hashes))

    def shared_hashes(self, other: Summary) -> NDArray[np.uint64]:
        """The hashes of the rows whose images are in ``other`` too."""
        return self.hashes[np.isin(self.hashes, other.hashes)]

    def has_rows_of(self, other: Summary) -> bool:
        """Whether the images are those of ``other``, in the same order."""
        return np.array_equal(self.hashes, other.hashes)
