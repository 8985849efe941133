"""One writer at a time; the kernel holds the lock, so that it dies with its process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from toy_project import Toy

from pipeline.errors import LockError, PipelineError
from pipeline.store.lock import current_writer, writer_lock


def hold_in_a_child(path: Path) -> tuple[int, int]:
    """Let another process hold the lock until the returned pipe is closed; returns its pid and that pipe."""
    ready, hold = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hold[1])
        with writer_lock(path, wait=True, notify=str):
            os.write(ready[1], b"!")
            os.read(hold[0], 1)
        os._exit(0)
    os.close(hold[0])
    assert os.read(ready[0], 1) == b"!"
    return child, hold[1]


def test_a_second_writer_that_may_not_wait_fails_at_once_and_says_who_writes(tmp_path: Path) -> None:
    child, pipe = hold_in_a_child(tmp_path / "lock")
    try:
        with pytest.raises(LockError) as caught, writer_lock(tmp_path / "lock", wait=False, notify=str):
            pass
        assert f"pid {child}, " in caught.value.where
        assert ", since 20" in caught.value.where
    finally:
        os.close(pipe)
        os.waitpid(child, 0)


def test_a_second_writer_waits_for_the_first_and_says_for_whom(tmp_path: Path) -> None:
    child, pipe = hold_in_a_child(tmp_path / "lock")
    told: list[str] = []

    def notify(text: str) -> None:
        told.append(text)
        os.close(pipe)  # now the first lets go

    with writer_lock(tmp_path / "lock", wait=True, notify=notify):
        assert f"pid {child}" in told[0]
    os.waitpid(child, 0)


def test_who_writes_is_told_while_it_writes_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert current_writer(path) is None
    child, pipe = hold_in_a_child(path)
    assert current_writer(path).startswith(f"pid {child}, ")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(pipe)
    assert path.read_bytes()  # its last words
    assert current_writer(path) is None
    nested = '{"pid":' * 5000 + "1" + "}" * 5000
    for nonsense in ("", "[]", '{"pid": "x"}', '{"pid": 1e99}', "no JSON", nested):
        path.write_text(nonsense)
        assert current_writer(path) is None


def test_a_lock_dies_with_its_process_and_leaves_nothing_to_clean(tmp_path: Path) -> None:
    child, pipe = hold_in_a_child(tmp_path / "lock")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(pipe)
    with writer_lock(tmp_path / "lock", wait=False, notify=str):
        assert f'"pid": {os.getpid()}' in (tmp_path / "lock").read_text()
    assert (tmp_path / "lock").read_text() == ""


def test_a_lock_is_let_go_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), writer_lock(tmp_path / "lock", wait=False, notify=str):
        raise RuntimeError
    with writer_lock(tmp_path / "lock", wait=False, notify=str):
        pass


def test_whatever_a_lock_file_says_only_the_kernel_counts(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "command": "left by a crash", "since": "long ago"}' * 3)
    with writer_lock(tmp_path / "lock", wait=False, notify=str):
        assert "crash" not in (tmp_path / "lock").read_text()


def test_a_lock_that_is_a_link_or_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(PipelineError, match="lock"), writer_lock(tmp_path / name, wait=False, notify=str):
            pass
    assert (tmp_path / "outside").read_text() == "precious"


def test_readers_never_wait_for_a_writer(toy: Toy) -> None:
    toy.run("all")
    child, pipe = hold_in_a_child(toy.store.lock_path)
    try:
        assert not toy.plan().stale
        with pytest.raises(LockError):
            toy.run("all", wait=False)
    finally:
        os.close(pipe)
        os.waitpid(child, 0)
