"""What the tests of evaluate and of its report share."""

from __future__ import annotations

import pytest

from stages.evaluate.report import sections


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the charts, which take longest, where a test is of something else."""
    monkeypatch.setattr(sections, "learning_curves", lambda history, kept: [])  # noqa: ARG005 - as it is called
    monkeypatch.setattr(sections, "reliability_chart", lambda bins, error: "")  # noqa: ARG005 - the same
