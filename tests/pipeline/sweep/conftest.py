"""Commands called on a toy project."""

from __future__ import annotations

from functools import partial

import pytest
from click.testing import CliRunner, Result
from toy_project import OBJECTIVE, Toy, commands
from toy_sweeps import Invoke

import pipeline.cli


@pytest.fixture
def call(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls a command on the toy project, and wants its exit code."""
    monkeypatch.setattr("pipeline.cli.project.load_project", commands(toy))
    monkeypatch.setattr("stages.OBJECTIVE", OBJECTIVE)
    monkeypatch.chdir(toy.work)

    def run(*words: str, code: int = 0) -> Result:
        toy.forget_modules()
        result = CliRunner().invoke(pipeline.cli.main, [*words])
        assert "Traceback" not in result.output
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def invoke(call: Invoke, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls `pipeline sweep` on the toy project."""
    monkeypatch.setattr("pipeline.sweep.sweep_files.picture", lambda *_: "")  # which takes longer than the rest
    return partial(call, "sweep")
