"""File systems that lack something, or are full, or go away: one message before any work, or no matter at all."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_project import Recorder, Toy, oracle

from pipeline.errors import ANOTHER_FILE_SYSTEM, LockError, PipelineError, StageError, StoreError
from pipeline.files.safe_files import replacing
from pipeline.logs.run_log import read_runs
from pipeline.store.durable_files import reading
from pipeline.store.lock import current_writer, writer_lock
from pipeline.store.store import Store


def failing(number: int) -> Callable[..., None]:
    """A call of the system that always fails in one way."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_told_before_any_work(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(number))
    watcher = Recorder()
    with pytest.raises(PipelineError, match="this file system has no locks") as caught:
        toy.run("all", watcher=watcher)
    assert (caught.value.where, "-C" in caught.value.hint) == (str(toy.artifacts), True)
    assert not watcher.began


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EROFS, errno.EINVAL, errno.EIO])
def test_a_file_system_without_links_is_told_before_any_work(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "symlink", failing(number))
    watcher = Recorder()
    with pytest.raises(PipelineError, match="this file system has no symbolic links: ") as caught:
        toy.run("all", watcher=watcher)
    assert (caught.value.where, "-C" in caught.value.hint) == (str(toy.artifacts), True)
    assert not watcher.began
    assert not list((toy.artifacts / ".store/tmp").iterdir())


def refusing_folders(number: int) -> Callable[[int], None]:
    """A file system that forces files to disk, and fails for folders in one way."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    return fsync


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES])
def test_folders_that_cannot_be_forced_to_disk_are_passed_over(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", refusing_folders(number))
    toy.run("all")
    assert toy.files() == oracle()
    with replacing(tmp_path / "own.csv") as file:
        file.write(b"1")
    assert (tmp_path / "own.csv").read_bytes() == b"1"


def test_a_folder_that_nobody_may_list_takes_a_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be opened then, so it cannot be forced to disk. A file system may know no permissions either."""
    real = os.open

    def refusing_open(path: str | Path, flags: int, *more: int, **others: int) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *more, **others)

    (tmp_path / "own.csv").write_text("0")
    monkeypatch.setattr(os, "open", refusing_open)
    monkeypatch.setattr(os, "fchmod", failing(errno.ENOSYS))
    with replacing(tmp_path / "own.csv") as file:
        file.write(b"1")
    assert (tmp_path / "own.csv").read_bytes() == b"1"


def test_a_folder_that_fails_to_be_written_to_disk_is_an_error(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refusing_folders(errno.EIO))
    with pytest.raises(StoreError, match="cannot publish") as caught:
        toy.run("all")
    assert caught.value.hint == ANOTHER_FILE_SYSTEM


def test_a_file_that_cannot_be_forced_to_disk_is_an_error(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    with pytest.raises(StoreError, match="cannot publish"):
        toy.run("all")


@pytest.mark.parametrize(
    ("call", "closed"),
    [
        ("lstat", "artifacts/power"),
        ("lstat", "artifacts/.store/power"),
        ("readlink", "artifacts/power"),
        ("iterdir", "artifacts/.store/power"),
        ("open", "powers.npy"),
        ("open", "receipt.json"),
        ("lstat", "receipt.json"),
    ],
)
def test_artifacts_that_may_not_be_read_are_to_be_made_readable(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, call: str, closed: str
) -> None:
    """Permissions do not hold for root, who may run the tests: so it is the calls that refuse here."""
    toy.run("all")
    toy.settings = {"power.exponent": 3}  # so that stored results are looked at
    real = getattr(Path, call)

    def refuse(path: Path, *args: object, **options: object) -> object:
        if str(path).endswith(closed):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *args, **options)

    monkeypatch.setattr(Path, call, refuse)
    with pytest.raises(StoreError, match="cannot read the artifacts: Permission denied") as caught:
        toy.plan("all")
    assert f"{closed} readable" in caught.value.hint
    assert "writable" not in caught.value.hint


def test_what_lies_in_a_closed_folder_is_to_be_opened_by_the_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught, reading(tmp_path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "unseen/receipt.json"))
    assert caught.value.hint.startswith(f"make {tmp_path} readable")


@pytest.mark.parametrize(("made", "what"), [(False, "cannot make"), (True, "cannot write into")])
def test_the_folder_that_must_be_writable_is_named_by_its_whole_path(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: bool,  # noqa: FBT001 - a case's column
    what: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path("artifacts")
    if made:
        root.mkdir()
    closed = tmp_path / "artifacts" if made else tmp_path

    def refuse(path: Path, *_: object, **others: object) -> None:
        if not (others.get("exist_ok") and path.exists()):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match=f"{what} the artifacts folder: Permission denied") as caught:
        Store(root).prepare()
    assert caught.value.hint.startswith(f"make {closed} writable, ")


def test_the_folder_that_a_result_is_moved_into_is_named_if_that_one_is_closed(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = toy.artifacts / ".store/power"
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and access(path, mode))

    rename = Path.rename

    def refuse(path: Path, target: Path) -> None:
        if target.parent == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path), None, str(target))
        rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="cannot publish the artifacts: Permission denied") as caught:
        toy.run("all")
    assert caught.value.hint.startswith(f"make {closed} writable, ")


def test_artifacts_that_are_moved_away_in_mid_run_are_not_to_be_made_writable(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.ENOENT))
    with pytest.raises(StoreError, match="cannot publish the artifacts: No such file") as caught:
        toy.run("all")
    assert caught.value.hint == "it was moved or removed meanwhile: run it again"


def test_a_lock_works_though_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    for call in ("ftruncate", "pwrite"):
        with monkeypatch.context() as patched:
            patched.setattr(os, call, failing(errno.ENOSPC))
            with writer_lock(path, wait=False, notify=str):
                assert current_writer(path) is None
                refused = pytest.raises(PipelineError, match="another pipeline is writing here")
                with refused, writer_lock(path, wait=False, notify=str):
                    pass


@pytest.mark.parametrize("stage", ["load", "total"])
def test_artifacts_that_are_moved_away_in_mid_run_do_not_hide_what_went_wrong_first(toy: Toy, stage: str) -> None:
    toy.settings = {"total.fails": stage == "total"}
    hooks = {stage: lambda: toy.artifacts.rename(toy.work / "moved")}
    with pytest.raises(StageError) as caught:
        toy.run("all", watcher=Recorder(hooks))
    assert caught.value.what.startswith(f"{stage} failed: No such file or directory")


def test_a_report_that_cannot_be_written_does_not_hide_the_failure_that_it_is_about(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("cannot write the report of the failure", hint="")

    monkeypatch.setattr("pipeline.store.store.Store.leave_report", fail)
    toy.settings = {"total.fails": True}
    with pytest.raises(PipelineError, match="it was told to fail"):
        toy.run("all")
    assert read_runs(toy.artifacts)[-1].error == "it was told to fail"


@pytest.mark.parametrize("place", ["", ".store", ".store/tmp", ".scratch"])
def test_a_folder_that_may_not_be_written_to_is_told_before_any_work(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    toy.run("all")
    toy.settings = {"power.exponent": 3}
    closed, access = toy.artifacts / place, os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and access(path, mode))
    watcher = Recorder()
    with pytest.raises(StoreError, match="cannot write into the artifacts folder: Permission denied") as caught:
        toy.run("all", watcher=watcher)
    assert caught.value.where == str(closed)
    assert not watcher.began


def test_a_file_system_that_is_read_only_is_told_as_such(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.run("all")
    toy.settings = {"power.exponent": 3}
    flags = [*os.statvfs(toy.artifacts)]
    flags[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(flags))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match="cannot write into the artifacts folder: Read-only file system") as caught:
        toy.run("all")
    assert caught.value.hint.endswith("or work in another folder with -C")


def test_a_lock_that_may_not_be_opened_is_to_be_made_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", failing(errno.EACCES))
    with (
        pytest.raises(LockError, match="cannot open the lock: Permission denied") as caught,
        writer_lock(tmp_path / ".lock", wait=True, notify=str),
    ):
        pass
    assert caught.value.hint.startswith("make it readable and writable")


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "unreadable", "unwritable"])
def test_a_log_that_cannot_be_added_to_is_told_before_any_work(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    log, access, closed = toy.artifacts / "runs.jsonl", os.access, {"unreadable": os.R_OK, "unwritable": os.W_OK}
    toy.run("all")
    if kind in closed:
        monkeypatch.setattr(
            os, "access", lambda path, mode: (Path(path) != log or mode != closed[kind]) and access(path, mode)
        )
    else:
        log.rename(toy.work / "moved.jsonl")
        {"folder": log.mkdir, "link": lambda: log.symlink_to("../moved.jsonl"), "pipe": lambda: os.mkfifo(log)}[kind]()
    toy.settings = {"power.exponent": 3}
    watcher = Recorder()
    with pytest.raises(StoreError, match="log of runs") as caught:
        toy.run("all", watcher=watcher)
    assert caught.value.hint
    assert not watcher.began
