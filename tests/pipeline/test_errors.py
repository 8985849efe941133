"""What errors say beside what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.errors import pip_install


@pytest.mark.parametrize(
    ("python", "command"),
    [
        ("work/.venv/bin/python", ".venv/bin/python -m pip install kaggle six"),  # as a person there would type it
        ("other/bin/python", "{}/other/bin/python -m pip install kaggle six"),
        ("work/my venv/bin/python", "'my venv/bin/python' -m pip install kaggle six"),
        ("work/python", "{}/work/python -m pip install kaggle six"),  # a shell looks for a bare name elsewhere
    ],
)
def test_what_is_missing_is_installed_by_the_python_that_misses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, command: str
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(sys, "executable", str(tmp_path / python))
    assert pip_install("kaggle", "six") == command.format(tmp_path)
