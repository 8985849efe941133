"""What the commands' tests share: a program in Kaggle's place, on the path."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_kaggle import Kaggle


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kaggle:
    found = Kaggle(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(found.folder))
    return found
