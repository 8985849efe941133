"""What ingest found in the data: ``ingest/profile.json``, gathered block by block in bounded memory.

Images are told apart by a 64-bit hash of their pixels, so doubles and images that stand in both sets are found
without keeping any image: 8 bytes a row.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from stages.shared.documents import Count, Document, Label, Positive
from stages.shared.messages import counted

if TYPE_CHECKING:
    from stages.ingest.csv.parse import Rows

MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / the golden ratio: an odd number without a pattern

Pixel = Annotated[int, Meta(ge=0, le=255)]


class ClassCount(Document, frozen=True):
    """How many training rows a class has."""

    label: Label
    rows: Positive


class Submission(Document, frozen=True):
    """The header of a submission: as the sample submission has it, or else as Kaggle has it."""

    id_name: str
    label_name: str


class ImageSet(Document, frozen=True):
    """What there is to say about the images of one set; row numbers count from 0.

    Attributes
    ----------
    pixel_range : the smallest and the largest value that occurs
    constant_pixels : the columns that have the same value in every row
    blank_images : rows whose pixels are all equal
    duplicate_rows : rows whose image stands in an earlier row as well
    """

    rows: Count
    pixel_range: tuple[Pixel, Pixel]
    constant_pixels: tuple[str, ...]
    blank_images: Count
    duplicate_rows: Count


class Profile(Document, frozen=True):
    """``ingest/profile.json``.

    Attributes
    ----------
    height, width, n_pixels : the size of an image in pixels
    pixel_prefix, first_pixel : ``pixel`` and 0 where the first pixel column is ``pixel0``
    label_name, id_name : the label column of train, the id column of test (None: it has none)
    classes : every label with its number of training rows, in ascending order
    n_train, n_test, n_quarantined : rows in train.parquet, in test.parquet, and set aside from train
    conflicting_labels : how many further labels there are for images that stand more than once in train
    shared_rows : test rows whose image stands in train too, which a score should not count
    submission : the header that a submission must have
    """

    height: Positive
    width: Positive
    n_pixels: Positive
    pixel_prefix: str
    first_pixel: Count
    label_name: str
    id_name: str | None
    classes: Annotated[tuple[ClassCount, ...], Meta(min_length=2)]
    n_train: Positive
    n_test: Positive
    n_quarantined: Count
    train: ImageSet
    test: ImageSet
    conflicting_labels: Count
    shared_rows: Count
    submission: Submission

    def __post_init__(self) -> None:
        if self.height * self.width != self.n_pixels:
            raise ValueError("height x width is not n_pixels")
        if self.n_train != sum(each.rows for each in self.classes):
            raise ValueError("n_train is not the sum over classes")
        if (self.n_train, self.n_test) != (self.train.rows, self.test.rows):
            raise ValueError("n_train and n_test are not the rows of train and test")

    def suspicions(self) -> tuple[str, ...]:
        """What looks wrong without being so: one sentence each."""
        (smallest, largest), (_, largest_test) = self.train.pixel_range, self.test.pixel_range
        n_shared, n_twice, n_conflicting = self.shared_rows, self.train.duplicate_rows, self.conflicting_labels
        n_blank = self.train.blank_images + self.test.blank_images
        found = (
            (
                n_shared,
                f"{counted(n_shared, 'test image')} found in the training set too: a score on them proves little",
            ),
            (n_twice, f"{counted(n_twice, 'training image')} found in an earlier row too: a split may part them"),
            (n_conflicting, f"{counted(n_conflicting, 'training image')} found again under another label"),
            (n_blank, f"{counted(n_blank, 'blank image')} found"),
            (largest < 128, f"the training pixels go from {smallest} to {largest} only: see split.normalise"),
            (
                max(largest, largest_test) > 2 * min(largest, largest_test),
                f"the test pixels go up to {largest_test}, the training pixels up to {largest}",
            ),
        )
        return tuple(sentence for is_found, sentence in found if is_found)


class Summary:
    """Gathers, block by block, what a profile says about one set of images with ``n_pixels`` each."""

    def __init__(self, n_pixels: int) -> None:
        self.smallest = np.full(n_pixels, 255, dtype=np.uint8)
        self.largest = np.zeros(n_pixels, dtype=np.uint8)
        self.n_blank = 0
        self.n_of_class: Counter[Label] = Counter()
        self.hashes: list[NDArray[np.uint64]] = []
        self.codes: list[NDArray[np.uint64]] = []  # each row's label, as the number of labels seen before it

    def add(self, rows: Rows) -> None:
        """Take in a block of rows."""
        pixels = rows.pixels  # (n_pixels, m)
        np.minimum(self.smallest, pixels.min(axis=1, initial=255), out=self.smallest)
        np.maximum(self.largest, pixels.max(axis=1, initial=0), out=self.largest)
        self.n_blank += int(np.count_nonzero(pixels.min(axis=0) == pixels.max(axis=0)))
        self.hashes.append(rows.hashes)
        self.n_of_class.update(rows.labels)
        code = {label: index for index, label in enumerate(self.n_of_class)}
        self.codes.append(np.array([code[label] for label in rows.labels], dtype=np.uint64))

    @property
    def n_rows(self) -> int:
        """How many rows were taken in."""
        return sum(map(len, self.hashes))

    def image_set(self, names: tuple[str, ...]) -> ImageSet:
        """What was gathered about the images; ``names`` are the pixel columns."""
        return ImageSet(
            rows=self.n_rows,
            pixel_range=(int(self.smallest.min()), int(self.largest.max())),
            constant_pixels=tuple(names[index] for index in np.flatnonzero(self.smallest == self.largest)),
            blank_images=self.n_blank,
            duplicate_rows=self.n_rows - len(np.unique(np.concatenate(self.hashes))),
        )

    def class_counts(self) -> tuple[ClassCount, ...]:
        """Every label with its number of rows, in ascending order."""
        return tuple(ClassCount(label=label, rows=rows) for label, rows in sorted(self.n_of_class.items()))

    def rows_labelled(self, label: Label) -> NDArray[np.int64]:
        """Which rows have this label, ascending; rows count from 0."""
        return np.flatnonzero(np.concatenate(self.codes) == list(self.n_of_class).index(label))

    def n_conflicting(self) -> int:
        """How many further labels there are for images that were seen before under another label."""
        hashes, codes = np.concatenate(self.hashes), np.concatenate(self.codes)
        labelled = hashes + codes * MIXER
        return len(np.unique(labelled)) - len(np.unique(hashes))

    def shared_rows(self, other: Summary) -> NDArray[np.int64]:
        """Which rows' images stand in ``other`` as well, ascending."""
        return np.flatnonzero(np.isin(np.concatenate(self.hashes), np.concatenate(other.hashes)))
