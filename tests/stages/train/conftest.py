"""What train is handed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.encode.documents import Classes
from stages.shared.documents import encode_document
from stages.split.documents import ImageFormat, Normaliser


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """300 images of 4 x 3 pixels, in three classes that one can tell apart by their brightest column."""
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 3, 300)
    X = rng.random((300, 4, 3), dtype=np.float32) * np.float32(0.5)
    X[np.arange(300), :, indices] += np.float32(0.5)
    X = X.reshape(300, 12)
    for folder in ("split", "encode"):
        (tmp_path / folder).mkdir()
    for part, chosen in (("train", slice(0, 250)), ("validation", slice(250, 300))):
        np.save(tmp_path / f"split/X_{part}.npy", X[chosen])
        np.save(tmp_path / f"encode/Y_{part}.npy", np.eye(3, dtype=np.float32)[indices[chosen]])
    normaliser = Normaliser(kind="range", offset=0.0, scale=255.0)
    images = ImageFormat(height=4, width=3, normaliser=normaliser, n_train=250, n_validation=50, n_test=0)
    (tmp_path / "split/images.json").write_bytes(encode_document(images))
    (tmp_path / "encode/classes.json").write_bytes(encode_document(Classes(classes=(3, 7, 20))))
    return tmp_path
