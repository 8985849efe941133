"""Training sets that hold test images: of Kaggle's Digit Recognizer, as MNIST does, or of the test set beside them.

Kaggle took its 42,000 + 28,000 images from MNIST's 70,000. A network that has seen the test images scores too well, and
the score says nothing. ``pipeline fetch mnist`` leaves a note in the zip that it makes. MNIST in another order, or a
part of it, is known by the images that stand in the test set too. A few shared images are only a warning: profile.py.
"""

from __future__ import annotations

import os

from pipeline.task import Source
from stages.ingest.sources.zip_files import find_members

NOTE = "holds_test_images.txt"  # a text, so that it is never taken for data
CONSEQUENCE = "All that is trained on it is marked, and is not for Kaggle's leaderboard."
NOTICE = f"The training set holds TEST IMAGES of Kaggle's Digit Recognizer, as MNIST does.\n{CONSEQUENCE}"
FEWEST_SHARED, SHARED = 20, 0.01  # images, and their share of the test rows: fewer may be there by chance


def note_beside(train: Source) -> Source | None:
    """The note in the zip that holds the training set, or beside the file; None if there is none."""
    if train.member is not None:
        member = find_members(train.path, (NOTE,)).get(NOTE)
        return Source("test_images", train.path, member) if member else None
    path = train.path.with_name(NOTE)
    return Source("test_images", path) if os.path.lexists(path) else None


def notice_of_shared(n_shared: int, n_test: int) -> str:
    """The notice about ``n_shared`` of ``n_test`` test images that are in the training set; empty if they are few."""
    if n_shared < max(FEWEST_SHARED, SHARED * n_test):
        return ""
    return f"The training set holds {n_shared:,} of the {n_test:,} TEST IMAGES.\n{CONSEQUENCE}"
