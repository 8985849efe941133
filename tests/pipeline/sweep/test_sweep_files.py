"""What the files of a sweep say; they are written beside and renamed: nothing is lost, nothing outside is written."""

from __future__ import annotations

import csv
import errno
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from toy_project import Invoke, Toy, oracle, ran
from toy_sweeps import GRID, data, total

from pipeline.sweep.sweep_files import picture

FILES = ("trials.csv", "best.toml", "picture.svg")


@pytest.fixture
def place(toy: Toy, invoke: Invoke) -> Path:
    """The folder of a finished sweep."""
    invoke(*GRID)
    (found,) = (toy.work / "sweeps").iterdir()
    return found


def test_the_best_settings_are_a_file_that_gives_the_same_trial(toy: Toy, invoke: Invoke) -> None:
    result = invoke("--preset", "cubes", "--grid", "total.start=5,4", "-o", "pipeline.toml")
    written = tomllib.loads((toy.work / "pipeline.toml").read_text())
    assert written == {"power": {"exponent": 3}, "total": {"start": 5}}
    assert str(toy.work / "pipeline.toml") in result.stdout or "pipeline.toml" in result.stdout
    done = toy.run()
    assert ran(done) == []
    assert toy.files() == oracle(exponent=3, start=5)
    assert "exists" in invoke("--grid", "total.start=6", "-o", "pipeline.toml", code=2).stderr
    invoke("--grid", "total.start=0,-1", "--grid", "load.limit=none", "-o", "pipeline.toml", "--force")
    text = (toy.work / "pipeline.toml").read_text()
    assert tomllib.loads(text) == {"power": {"exponent": 3}, "load": {}, "total": {"start": 0}}
    assert "# limit is left out: none, the default" in text
    invoke("--grid", "total.start=6", "-o", "pipeline.toml", "--force")
    assert tomllib.loads((toy.work / "pipeline.toml").read_text())["total"] == {"start": 6}


def test_the_files_tell_of_every_trial_and_are_the_same_again(
    toy: Toy, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sweep.sweep_files.picture", picture)
    grid = ("--grid", "power.exponent=1,3", "--grid", "load.limit=none,2", "--grid", "total.fails=false,true")
    words = (*grid, "--json")
    files = {kind: toy.work / path for kind, path in data(invoke(*words))["files"].items()}
    rows = list(csv.DictReader(files["table"].read_text().splitlines()))
    assert [row["power.exponent"] for row in rows] == ["3", "1", "3", "1", *"1133"]
    assert [int(row["total"]) if row["outcome"] == "done" else None for row in rows] == [
        total(exponent=3),
        total(exponent=1),
        total(exponent=3, limit=2),
        total(exponent=1, limit=2),
        *[None] * 4,
    ]
    assert rows[-1]["outcome"] == "failed"
    assert rows[0]["within_noise_of_best"] == "True"
    assert rows[-1]["within_noise_of_best"] == "False"
    drawn = ET.parse(files["picture"])  # noqa: S314 - it is our own
    words_drawn = " ".join(drawn.getroot().itertext())
    assert "power.exponent" in words_drawn
    assert "load.limit" in words_drawn
    before = {kind: path.read_bytes() for kind, path in files.items()}
    invoke(*words)
    assert {kind: path.read_bytes() for kind, path in files.items()} == before


def test_a_value_with_dollar_signs_is_drawn_as_it_is_and_not_as_a_formula(
    toy: Toy, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sweep.sweep_files.picture", picture)
    names = ["$\\frac{$", "a$b$c", "n" * 60]
    for name in names:
        (toy.work / name).write_text(toy.raw.read_text())
    found = data(invoke("--grid", "load.path=" + ",".join(f"'{name}'" for name in names), "--json"))
    drawn = " ".join(ET.parse(toy.work / found["files"]["picture"]).getroot().itertext())  # noqa: S314 - it is our own
    assert all(name in drawn for name in names[:2])
    assert "(60 letters)" in drawn  # not more than fits


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
