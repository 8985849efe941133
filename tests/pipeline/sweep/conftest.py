"""Commands called on a toy project."""

from __future__ import annotations

from functools import partial

import pytest
import toy_project
from toy_project import Invoke, Toy


@pytest.fixture
def call(toy_of_commands: Toy) -> Invoke:
    """Calls a command on the toy project, and wants its exit code."""
    return partial(toy_project.invoke, toy_of_commands)


@pytest.fixture
def invoke(call: Invoke, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls `pipeline sweep` on the toy project."""
    monkeypatch.setattr("pipeline.sweep.sweep_files.picture", lambda *_: "")  # which takes longer than the rest
    return partial(call, "sweep")
