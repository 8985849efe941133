"""The files of a sweep are written beside and renamed: nothing is lost, and nothing outside is written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_project import Toy
from toy_sweeps import GRID, Invoke

FILES = ("trials.csv", "best.toml", "picture.svg")


@pytest.fixture
def place(toy: Toy, invoke: Invoke) -> Path:
    """The folder of a finished sweep."""
    invoke(*GRID)
    (found,) = (toy.work / "sweeps").iterdir()
    return found


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["link", "hard link"])
def test_a_link_in_the_place_of_a_file_is_replaced_and_what_it_leads_to_stays(
    toy: Toy, place: Path, invoke: Invoke, link: Callable[[Path, Path], None]
) -> None:
    written = {name: (place / name).read_bytes() for name in FILES}
    outside = toy.work / "precious"
    outside.write_text("precious")
    for name in FILES:
        (place / name).unlink()
        link(outside, place / name)
    link(outside, toy.work / "best.toml")
    invoke(*GRID, "--output", "best.toml", "--force")
    assert outside.read_text() == "precious"
    assert {name: (place / name).read_bytes() for name in FILES} == written
    assert (toy.work / "best.toml").read_bytes() == written["best.toml"]
    assert sorted(path.name for path in place.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("level", ["sweeps", "its own"])
def test_a_link_in_the_place_of_a_folder_is_refused_before_anything_runs(
    toy: Toy, place: Path, invoke: Invoke, level: str
) -> None:
    outside = toy.work / "outside"
    linked = place if level == "its own" else place.parent
    linked.rename(outside)
    linked.symlink_to(outside)
    before = {path: path.stat().st_mtime_ns for path in outside.rglob("*")}
    toy.raw.unlink()  # would end any trial
    result = invoke(*GRID, code=1)
    assert "something else stands where a folder should be" in result.stderr
    assert {path: path.stat().st_mtime_ns for path in outside.rglob("*")} == before


def test_an_output_is_there_as_it_was_until_the_new_one_is_on_disk(
    toy: Toy, place: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = toy.work / "own.toml"
    settings.write_text("# precious")
    settings.chmod(0o640)
    real = os.fsync

    def full(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().parent == toy.work.resolve():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        result = invoke(*GRID, "--output", "own.toml", "--force", code=1)
    assert "No space left on device" in result.stderr
    assert "free some space" in result.stderr
    assert settings.read_text() == "# precious"
    assert not list(toy.work.glob(".*"))
    invoke(*GRID, "--output", "own.toml", "--force")
    assert settings.read_bytes() == (place / "best.toml").read_bytes()
    assert settings.stat().st_mode & 0o777 == 0o640
