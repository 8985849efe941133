"""The JSON that ingest writes besides the profile, as a strict model."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stages.shared.documents import Document


class DataSource(Document, frozen=True):
    """``ingest/source.json``: where the data came from, and what must be known of that place.

    ``is_sample`` says whether it is the bundled sample, ``holds_test_images`` whether the training set holds test
    images: those of Kaggle's Digit Recognizer, as MNIST does, or a part of the test set. A score on them says nothing.
    The profile does not hold this, so the same data from another place does not make train stale.
    """

    source: Annotated[str, Meta(min_length=1)]
    is_sample: bool
    holds_test_images: bool
