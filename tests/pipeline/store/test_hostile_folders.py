"""An artifacts folder that somebody else has prepared: nothing outside of it is walked, emptied, removed or written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from toy_project import Toy, oracle

from pipeline.errors import PipelineError
from pipeline.logs.run_log import FILE_NAME, next_id, read_runs
from pipeline.planning.selection import select
from pipeline.planning.snapshot import take_snapshot
from pipeline.store.clean import clean
from pipeline.store.lock import current_writer, writer_lock

FOLDERS = (
    ".scratch",
    ".scratch/power",
    ".scratch/power/0000",
    ".scratch/power/real/inner",
    ".store",
    ".store/power",
    ".store/power/0000",
    ".store/power/partial_results",
    ".store/power/partial_results/0000",
    ".store/tmp",
    ".store/tmp/0000",
)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A tree that fits wherever a link to it may stand."""
    for name in ("power/partial_results/0000", "power/0000", "tmp/0000", "0000"):
        (tmp_path / "outside" / name).mkdir(parents=True)
        (tmp_path / "outside" / name / "precious").write_text("precious")
    return tmp_path / "outside"


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Path]]:
    """The folders, without links, whose entries are asked for."""
    found: set[Path] = set()

    def told(ask: Callable[..., Any]) -> Callable[..., Any]:
        def asking(path: Any = ".") -> Any:
            found.add(Path(f"/proc/self/fd/{path}" if isinstance(path, int) else path).resolve())
            return ask(path)

        return asking

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", told(os.scandir))
        patched.setattr(os, "listdir", told(os.listdir))
        yield found


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


COMMANDS: dict[str, Callable[[Toy], object]] = {
    "clean": lambda toy: clean(toy.store, toy.stages, 0, remove=False, notify=str),
    "clean --yes": lambda toy: clean(toy.store, toy.stages, 0, remove=True, notify=str),
    "status": lambda toy: take_snapshot(toy.project(), select(toy.stages, ["all"])),
    "run": lambda toy: toy.run("all", force=True),
    "a run that fails": lambda toy: toy.settings.update({"total.fails": True}) or toy.run("all"),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_link_in_the_place_of_a_folder_is_never_walked_nor_written_through(
    toy: Toy, outside: Path, walked: set[Path], folder: str
) -> None:
    toy.run("all")
    assert walked
    place = toy.artifacts / folder
    if os.path.lexists(place):
        place.rename(toy.work / "moved")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside)
    before = state(outside)
    for command in COMMANDS.values():
        walked.clear()
        try:
            command(toy)
        except PipelineError as error:
            assert error.hint  # noqa: PT017 - whether it is refused is not the point here
        assert not [path for path in walked if path.is_relative_to(outside)]
        assert state(outside) == before


def test_checkpoints_behind_a_link_are_not_forgotten(toy: Toy, outside: Path) -> None:
    toy.store.prepare()
    (toy.artifacts / ".scratch/power").symlink_to(outside)
    before = state(outside)
    toy.store.forget_scratch("power", "0000")
    assert state(outside) == before


def test_a_lock_that_is_another_name_of_a_file_is_held_and_the_file_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    os.link(tmp_path / "precious", tmp_path / "lock")
    with writer_lock(tmp_path / "lock", wait=False, notify=str):
        assert (tmp_path / "precious").read_text() == "precious"
        refused = pytest.raises(PipelineError, match="another pipeline")
        with refused, writer_lock(tmp_path / "lock", wait=False, notify=str):
            pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_log_that_is_another_name_of_a_file_gets_the_new_line_alone(toy: Toy) -> None:
    toy.run("all")
    before = (toy.artifacts / FILE_NAME).read_bytes()
    os.link(toy.artifacts / FILE_NAME, toy.work / "backup")
    toy.run("all", force=True)
    assert (toy.work / "backup").read_bytes() == before
    assert [run.id for run in read_runs(toy.artifacts)] == [1, 2]
    assert not list(toy.artifacts.glob(".pipeline-*"))


@pytest.mark.parametrize("kind", ["pipe", "endless device"])
def test_a_pipe_or_a_device_in_the_place_of_a_file_is_not_waited_for(toy: Toy, kind: str) -> None:
    toy.run("all")
    for name in (".lock", FILE_NAME, ".store/code.json"):
        path = toy.artifacts / name
        path.unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
    assert current_writer(toy.store.lock_path) is None
    assert toy.store.read_cache() == b""
    for reader in (read_runs, next_id):
        with pytest.raises(PipelineError, match="cannot read the log of runs"):
            reader(toy.artifacts)
    with pytest.raises(PipelineError, match="lock"):
        toy.run("all", force=True)
    toy.store.lock_path.unlink()
    with pytest.raises(PipelineError, match="log of runs"):
        toy.run("all", force=True)
    assert toy.files() == oracle()
