"""``ingest/profile.json``: what ingest found in the data."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stages.shared.documents import Count, Document, Label, Positive
from stages.shared.messages import counted

Pixel = Annotated[int, Meta(ge=0, le=255)]


class ClassCount(Document, frozen=True):
    """How many training rows a class has."""

    label: Label
    rows: Positive


class SubmissionHeader(Document, frozen=True):
    """The header of a submission: as the sample submission has it, or else as Kaggle has it."""

    id_name: str
    label_name: str


KAGGLE_HEADER = SubmissionHeader(id_name="ImageId", label_name="Label")  # of the competition Digit Recognizer


class ImageSet(Document, frozen=True):
    """What the profile says about the images of one set.

    Attributes
    ----------
    pixel_range : the smallest and the largest value that occurs
    is_dark_on_light : whether the background is light, as the mean of the images' borders shows
    constant_pixels : the columns that have the same value in every row
    blank_images : rows whose pixels are all equal
    duplicate_rows : rows whose image stands in an earlier row as well
    """

    rows: Count
    pixel_range: tuple[Pixel, Pixel]
    is_dark_on_light: bool
    constant_pixels: tuple[str, ...]
    blank_images: Count
    duplicate_rows: Count


MOST_OUTSIDE = 0.2  # of the range of the training pixels; pixels further outside have another range


def differences(images: ImageSet, training: ImageSet, name: str) -> tuple[str, ...]:
    """Sentences on differences between the images of ``name`` and the training images that may spoil predictions."""
    (smallest, largest), (smallest_training, largest_training) = images.pixel_range, training.pixel_range
    extent = largest_training - smallest_training
    is_outside = max(largest - largest_training, smallest_training - smallest) > MOST_OUTSIDE * extent
    ranges = (
        f"go from {smallest} to {largest}, those of the training images from {smallest_training} to {largest_training}"
    )
    found = (
        (is_outside or largest_training > 2 * largest, f"the pixels of {name} {ranges}"),
        (
            images.is_dark_on_light != training.is_dark_on_light,
            f"the images of {name} are {polarity(images)}, the training images {polarity(training)}",
        ),
    )
    return tuple(sentence for is_found, sentence in found if is_found)


def polarity(images: ImageSet) -> str:
    """Which of ink and background is the darker one, in words."""
    return "dark on light" if images.is_dark_on_light else "light on dark"


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
    submission: SubmissionHeader

    def __post_init__(self) -> None:
        if self.height * self.width != self.n_pixels:
            raise ValueError("height x width is not n_pixels")
        if self.n_train != sum(each.rows for each in self.classes):
            raise ValueError("n_train is not the sum over classes")
        if (self.n_train, self.n_test) != (self.train.rows, self.test.rows):
            raise ValueError("n_train and n_test are not the rows of train and test")

    def warnings(self) -> tuple[str, ...]:
        """What may be wrong with the data, one sentence each."""
        n_shared, n_twice, n_conflicting = self.shared_rows, self.train.duplicate_rows, self.conflicting_labels
        n_blank = self.train.blank_images + self.test.blank_images
        found = (
            (
                n_shared,
                f"{counted(n_shared, 'test image')} found in the training set too: a score on them proves little",
            ),
            (n_twice, f"{counted(n_twice, 'training image')} found in an earlier row too: a copy may be held out"),
            (n_conflicting, f"{counted(n_conflicting, 'training image')} found again under another label"),
            (n_blank, f"{counted(n_blank, 'blank image')} found"),
        )
        sentences = [sentence for is_found, sentence in found if is_found]
        return (*sentences, *differences(self.test, self.train, "the test set"))
