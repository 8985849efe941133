"""What the training images are like: new pictures are made like them, and new tables are compared with them."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.planning.current_result import find_current
from stages.images.digit_framing import MNIST, Framing, find_framing
from stages.images.pixel_scale import PixelScale
from stages.ingest.image_table import PIXEL_TYPE
from stages.ingest.profile import ImageSet, Profile
from stages.shared.arrays import load_array
from stages.shared.documents import read_document
from stages.shared.parquet import open_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.planning.project import Project
    from stages.images.model_images import Images
    from stages.shared.documents import Label


@dataclass(frozen=True)
class TrainingImages:
    """The images that a network was trained on, as far as the project still has them.

    Attributes
    ----------
    known : size, classes and normaliser, from the model file
    images : what ingest found in them, or None if it has no result
    """

    project: Project
    known: Images
    images: ImageSet | None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.known.height, self.known.width

    @property
    def scale(self) -> PixelScale:
        """Which pixel values are background and ink: by ingest's profile, or else by the network's normaliser."""
        if self.images is None:
            return PixelScale(int(self.known.offset), int(self.known.offset + self.known.scale))
        smallest, largest = self.images.pixel_range
        return PixelScale(largest, smallest) if self.images.is_dark_on_light else PixelScale(smallest, largest)

    @cached_property
    def framing(self) -> Framing:
        """How they are framed: measured in the training rows of split, or as in MNIST if it has none of this size."""
        split = find_current(self.project, "split")
        if split is None:
            return MNIST
        X = load_array(split.folder / "X_train.npy", stage="split", n_dimensions=2)
        return find_framing(X, *self.size) if X.shape[1] == math.prod(self.size) else MNIST

    def have_labels(self, labels: Sequence[Label | None]) -> bool:
        """Whether these are the labels of all training rows, in their order: then they come from the training set."""
        ingest = find_current(self.project, "ingest") if self.images and labels else None
        if ingest is None:
            return False
        with open_table(ingest.folder / "train.parquet", stage="ingest") as file:
            names = [field.name for field in file.schema_arrow if field.type != PIXEL_TYPE]
            return any(column.to_pylist() == labels for column in file.read(names).columns)


def find_training_images(project: Project, known: Images) -> TrainingImages:
    """The training images of a network, whose model file holds ``known``."""
    ingest, images = find_current(project, "ingest"), None
    if ingest is not None:
        with suppress(DataError):  # another version of the pipeline wrote it
            images = read_document(ingest.folder / "profile.json", Profile, stage="ingest").train
    return TrainingImages(project, known, images)
