"""What the engine's tests share: a toy project to run, and its helpers as an importable module."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import hypothesis
import pytest
import toy_project
from toy_project import OBJECTIVE, Invoke, Toy, commands

hypothesis.settings.register_profile("untimed", deadline=None)  # no test depends on how busy the machine is
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def fresh_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compile edited sources anew: cached bytecode is told apart by seconds, and these tests are faster."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name in [name for name in sys.modules if name.startswith("toy_") and name != "toy_project"]:
        del sys.modules[name]


@contextmanager
def in_memory(otherwise: Path) -> Iterator[Path]:
    """Give a folder in memory where the system has one: these tests force thousands of small files to disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it
    if not os.access(memory, os.W_OK):
        yield otherwise
        return
    folder = Path(tempfile.mkdtemp(prefix="pipeline-test-", dir=memory))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    with in_memory(tmp_path) as folder:
        yield folder


@pytest.fixture
def toy(fast_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A toy project whose package can be imported."""
    project = Toy(fast_folder)
    monkeypatch.syspath_prepend(str(project.code))
    return project


@pytest.fixture
def toy_of_commands(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A toy project that commands work on, as from its folder."""
    monkeypatch.setattr("pipeline.cli.project.load_project", commands(toy))
    monkeypatch.setattr("stages.OBJECTIVE", OBJECTIVE)
    monkeypatch.chdir(toy.work)
    return toy


@pytest.fixture
def invoke(toy_of_commands: Toy) -> Invoke:
    """Run a command on the toy project, however it ends."""
    return partial(toy_project.invoke, toy_of_commands, code=None, columns=120)


@pytest.fixture(scope="module")
def toy_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """Such a project, shared by the tests of a module: each finds what the one before has left."""
    with in_memory(tmp_path_factory.mktemp("toy")) as folder, pytest.MonkeyPatch.context() as patch:
        project = Toy(folder)
        patch.syspath_prepend(str(project.code))
        yield project
