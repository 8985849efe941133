"""What the commands' tests share: the commands on the toy project."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from toy_project import Toy, commands

import pipeline.cli.project


@pytest.fixture
def invoke(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command on the toy project, as from its folder."""
    monkeypatch.setattr(pipeline.cli.project, "load_project", commands(toy))
    monkeypatch.chdir(toy.work)

    def run(*words: str, columns: int = 120) -> Result:
        toy.forget_modules()
        result = CliRunner().invoke(pipeline.cli.main, words, env={"COLUMNS": str(columns)})
        assert "Traceback" not in result.output or "--debug" in words
        return result

    return run
