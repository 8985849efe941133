"""`run --submission FILE`: a copy of what was certified, whole or not at all, and no part of any key."""

from __future__ import annotations

import errno
import json
import os
from functools import partial
from pathlib import Path

import pytest
from toy_project import Invoke, Toy, invoke

from pipeline.execution import copy_result
from pipeline.planning.current_result import Current, require_current
from pipeline.planning.project import Project

ARTIFACT = "artifacts/total/total.csv"


@pytest.fixture
def run(toy_of_commands: Toy, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a toy project whose submission is total.csv."""
    monkeypatch.setattr("stages.SUBMISSION", "total/total.csv")
    return partial(invoke, toy_of_commands, "run")


@pytest.fixture
def work(toy: Toy) -> Path:
    return toy.work


def test_the_submission_is_copied_and_a_run_with_nothing_to_do_copies_it_too(run: Invoke, work: Path) -> None:
    assert run("all", "--submission", "here.csv").stdout.splitlines()[-1] == "here.csv"
    assert (work / "here.csv").read_bytes() == (work / ARTIFACT).read_bytes()
    result = run("all", "--submission", "there.csv", "--json")
    found = json.loads(result.stdout)
    assert found["submission"] == "there.csv"
    assert {stage["action"] for stage in found["stages"]} == {"fresh"}
    assert (work / "there.csv").read_bytes() == (work / ARTIFACT).read_bytes()
    assert json.loads(run("all", "--json").stdout)["submission"] is None


def test_an_earlier_copy_is_replaced_and_a_link_is_not_written_through(run: Invoke, work: Path) -> None:
    (work / "mine.csv").write_text("mine")
    (work / "link.csv").symlink_to("mine.csv")
    run("all", "--submission", "link.csv")
    first = (work / "link.csv").read_bytes()
    run("all", "--submission", "link.csv", "--set", "power.exponent=3")
    assert (work / "mine.csv").read_text() == "mine"
    assert not (work / "link.csv").is_symlink()
    assert (work / "link.csv").read_bytes() == (work / ARTIFACT).read_bytes() != first


def test_a_failed_run_leaves_the_earlier_copy_as_it_was(run: Invoke, work: Path) -> None:
    (work / "here.csv").write_text("earlier")
    run("all", "--submission", "here.csv", "--set", "total.fails=true", code=1)
    assert (work / "here.csv").read_text() == "earlier"


def test_a_dry_run_copies_nothing(run: Invoke, work: Path) -> None:
    run("all", "--submission", "here.csv", "--dry-run")
    assert not (work / "here.csv").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (
            ("power", "--submission", "here.csv"),
            "--submission copies total/total.csv, and total is not among the stages",
        ),
        (("all", "--to", "parity", "--submission", "here.csv"), "total is not among the stages to run"),
        (("all", "--submission", "gone/here.csv"), "--submission gone/here.csv lies in a folder that is not there"),
        (("all", "--submission", "artifacts/total/here.csv"), "lies in artifacts/, where only stages write"),
        (("all", "--submission", "."), "is a folder"),
    ],
)
def test_what_cannot_be_copied_is_refused_before_anything_runs(
    run: Invoke, work: Path, words: tuple[str, ...], what: str
) -> None:
    (work / "artifacts/total").mkdir(parents=True, exist_ok=True)
    assert what in run(*words, code=2).stderr
    assert not (work / "artifacts/runs.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("data/numbers.txt", "lies in data/, where the raw files are"),
        ("data/new.csv", "lies in data/, where the raw files are"),
        ("linked/new.csv", "lies in data/, where the raw files are"),
        ("pipeline.toml", "is one of the files to read"),
        ("raw.txt", "is one of the files to read"),
        ("data/../raw.txt", "is one of the files to read"),
        ("link.csv", "is one of the files to read"),
        ("hard_link.csv", "is one of the files to read"),
    ],
)
def test_no_copy_takes_the_place_of_a_raw_file_or_of_the_settings(
    run: Invoke, work: Path, name: str, what: str
) -> None:
    (work / "raw.txt").write_text("1\n2\n")
    (work / "pipeline.toml").write_text('[load]\npath = "raw.txt"\n')
    (work / "linked").symlink_to("data")
    (work / "link.csv").symlink_to("raw.txt")
    (work / "hard_link.csv").hardlink_to(work / "raw.txt")
    before = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    assert f"--submission {name} {what}" in run("all", "--submission", name, code=2).stderr
    assert {path: path.read_bytes() for path in work.rglob("*") if path.is_file()} == before


def test_what_another_run_has_put_there_meanwhile_is_not_taken_for_this_ones(
    run: Invoke, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_another_run(project: Project, stage: str) -> Current:
        run("all", "--set", "total.start=9")
        return require_current(project, stage)

    monkeypatch.setattr(copy_result, "require_current", after_another_run)
    assert "another run has replaced the result of total" in run("all", "--submission", "here.csv", code=1).stderr
    assert not (work / "here.csv").exists()


def test_bytes_that_are_not_certified_are_not_copied(run: Invoke, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def before_an_edit(project: Project, stage: str) -> Current:
        current = require_current(project, stage)
        (current.folder / "total.csv").chmod(0o644)
        (current.folder / "total.csv").write_text("edited")
        return current

    monkeypatch.setattr(copy_result, "require_current", before_an_edit)
    assert "total/total.csv has changed while it was copied" in run("all", "--submission", "here.csv", code=1).stderr
    assert not (work / "here.csv").exists()


def test_on_a_full_disk_the_earlier_copy_stays_and_it_is_one_message(
    run: Invoke, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("all")
    (work / "here.csv").write_text("earlier")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    stderr = run("all", "--submission", "here.csv", code=1).stderr
    assert "error: total/total.csv cannot be copied: the disk is full" in stderr
    assert (work / "here.csv").read_text() == "earlier"
    assert sorted(path.name for path in work.iterdir() if path.name.startswith(".")) == []
