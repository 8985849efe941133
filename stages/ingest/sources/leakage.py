"""The note beside a training set that holds test images of Kaggle's Digit Recognizer, as MNIST does.

Kaggle took its 42,000 + 28,000 images from MNIST's 70,000. A network that has seen the test images scores too well, and
the score says nothing. ``pipeline fetch mnist`` leaves the note in the zip that it makes.
"""

from __future__ import annotations

import os

from pipeline.stage import Source
from stages.ingest.sources.zip_files import find_members

NOTE = "holds_test_images.txt"  # a text, so that it is never taken for data
NOTICE = (
    "The training set holds TEST IMAGES of Kaggle's Digit Recognizer, as MNIST does.\n"
    "All that is trained on it is marked, and is not for Kaggle's leaderboard."
)


def note_beside(train: Source) -> Source | None:
    """The note in the zip that holds the training set, or beside the file; None if there is none."""
    if train.member is not None:
        member = find_members(train.path, (NOTE,)).get(NOTE)
        return Source("test_images", train.path, member) if member else None
    path = train.path.with_name(NOTE)
    return Source("test_images", path) if os.path.lexists(path) else None
