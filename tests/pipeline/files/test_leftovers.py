"""What a killed process has left behind is removed by the next call, and what a living one uses is left alone."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from toy_project import Recorder, Toy, in_child

from pipeline.errors import StoreError
from pipeline.files.leftovers import (
    DRAFT,
    FETCH,
    IN_SYSTEM_FOLDER,
    VERIFY,
    open_draft,
    remove_leftovers,
    system_folder,
    temporary_folder,
)
from pipeline.history.verify import verify_by_rerun


def killed(work: Callable[[], object]) -> None:
    """Let a child do work in the middle of which it is killed."""
    assert os.WTERMSIG(in_child(work)) == signal.SIGKILL


def die(*_: object) -> None:
    """End this process as nobody can foresee."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def in_another_process(work: Callable[[], Iterator[None]]) -> Iterator[None]:
    """Let a child stand in the middle of a context for as long as the block runs."""
    ready, hold = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hold[1])
        with contextmanager(work)():
            os.write(ready[1], b"!")
            os.read(hold[0], 1)
        os._exit(0)
    os.close(hold[0])
    assert os.read(ready[0], 1) == b"!"
    try:
        yield
    finally:
        os.close(hold[1])
        os.waitpid(child, 0)


def make_folder(place: Path) -> Iterator[None]:
    """Use a temporary folder that has something in it."""
    with temporary_folder(place, VERIFY) as folder:
        (folder / "inner").mkdir()
        (folder / "inner/file").write_text("x")
        yield


def make_draft(place: Path) -> Iterator[None]:
    """Use a draft."""
    descriptor, path = open_draft(place)
    yield
    os.close(descriptor)
    path.unlink()


KINDS = {VERIFY: make_folder, DRAFT: make_draft}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_killed_process_made_is_removed_by_the_next_and_what_a_living_one_uses_stays(
    tmp_path: Path, kind: str
) -> None:
    def killed_midway() -> None:
        with contextmanager(KINDS[kind])(tmp_path):
            die()

    killed(killed_midway)
    (left,) = tmp_path.iterdir()
    with in_another_process(lambda: KINDS[kind](tmp_path)):
        (used,) = tmp_path.iterdir()  # the next of its kind has removed what was left
        assert used != left
        remove_leftovers(tmp_path, kind)
        assert used.exists()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_another_call_between_making_and_locking_removes_nothing_in_use(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = fcntl.flock, []

    def flock(descriptor: int, operation: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            remove_leftovers(tmp_path, kind)  # sees what was made, and no lock on it
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with contextmanager(KINDS[kind])(tmp_path):
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def test_without_locks_everything_works_and_nothing_is_taken_for_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with temporary_folder(tmp_path, VERIFY) as folder:
        remove_leftovers(tmp_path, VERIFY)
        assert folder.exists()
    assert not list(tmp_path.iterdir())


def test_only_what_bears_such_a_name_and_belongs_to_the_user_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    place = tmp_path / "place"
    place.mkdir()
    (place / f"{VERIFY}{'0' * 32}").symlink_to(outside)
    (place / f"{VERIFY}notes").mkdir()
    (place / f"my-{VERIFY}{'0' * 32}").mkdir()
    (place / f"{VERIFY}{'1' * 32}").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: os.getuid() + 1)
        remove_leftovers(place, VERIFY)
    assert len(list(place.iterdir())) == 4
    remove_leftovers(place, VERIFY)
    assert len(list(place.iterdir())) == 3
    assert (outside / "precious").read_text() == "precious"
    remove_leftovers(place / "not there", FETCH)


@pytest.mark.parametrize("beginning", IN_SYSTEM_FOLDER)
def test_every_run_removes_what_was_left_in_the_systems_folder(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def killed_midway() -> None:
        with system_folder(beginning):
            die()

    killed(killed_midway)
    assert len(list(tmp_path.iterdir())) == 1
    toy.run("all")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["nowhere", "a file", "none"])
def test_without_a_folder_for_temporary_files_a_run_works_and_what_needs_one_says_so(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / place))
    if place == "none":
        monkeypatch.setattr(tempfile, "gettempdir", no_folder)
    toy.run("all")
    with pytest.raises(StoreError, match="no temporary folder can be made: ") as caught:
        list(verify_by_rerun(toy.project(), Recorder()))
    assert "TMPDIR" in caught.value.hint


def no_folder() -> str:
    """Say what Python does where it can write nowhere."""
    raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")


def test_a_rerun_that_is_killed_leaves_a_folder_to_the_next_run(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.run("all")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    project = toy.project()
    killed(lambda: list(verify_by_rerun(project, Recorder({"power": die}))))
    assert len(list(tmp_path.iterdir())) == 1
    toy.run("all")
    assert not list(tmp_path.iterdir())
