"""What the tests of `pipeline fetch` share: mirrors, and folders of their own for the cache and the data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from made_mirror import FILES, Mirror, running

from stages.commands.fetch import download


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running(FILES) as found:
        yield found


@pytest.fixture
def other() -> Iterator[Mirror]:
    with running(FILES) as found:
        yield found


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what is downloaded is kept; pieces are small, so that a half consists of many."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "CHUNK_BYTES", 1000)
    return tmp_path / "cache/digit-pipeline/mnist"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"
