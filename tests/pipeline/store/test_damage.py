"""Whatever lies in artifacts/ and whatever the system refuses: a rebuild or a clear error, and nothing lost."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rigging import rig
from toy_project import Recorder, Toy, actions, in_child, oracle, ran, why

from pipeline.errors import PipelineError, StoreError
from pipeline.store.receipt import FORMAT

CREATING = {"open", "mkdir", "symlink", "write"}


def everything(folder: Path) -> dict[str, object]:
    """All that lies below a folder: names, contents, and where links lead."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else "a folder"
        found[str(path.relative_to(folder))] = content
    return found


def generation(toy: Toy, stage: str) -> Path:
    return (toy.artifacts / stage).resolve()


def told_in_child(toy: Toy, work: Callable[[], object]) -> str:
    """Do ``work`` in a child process and return the PipelineError that it raises; anything else fails the test."""
    place = toy.code / "told"

    def child() -> None:
        opened = place.open("w")
        try:
            work()
        except PipelineError as error:
            opened.write(f"{type(error).__name__}: {error}")
        except BaseException as error:  # noqa: BLE001 - told to the parent, where the test fails
            opened.write(f"NOT OURS {type(error).__name__}: {error}")
        opened.flush()

    assert in_child(child) == 0
    return place.read_text()


# what is damaged is rebuilt --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "output missing: power/powers.npy"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "output damaged: power/powers.npy"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x01"), "output damaged: power/powers.npy"),
        (lambda path: (path.unlink(), path.mkdir()), "output missing: power/powers.npy"),
        (lambda path: (path.parent / "receipt.json").unlink(), "receipt unreadable: there is none"),
        (lambda path: (path.parent / "receipt.json").write_text("}"), "receipt unreadable: it is not a receipt"),
        (
            lambda path: (path.parent / "receipt.json").write_bytes(b"\xff\x00"),
            "receipt unreadable: it is not a receipt",
        ),
        (lambda path: shutil.rmtree(path.parent), "receipt unreadable: its files are gone"),
        (lambda path: shutil.rmtree(path.parent.parent), "receipt unreadable: its files are gone"),
    ],
    ids=["deleted", "truncated", "changed", "a folder", "no receipt", "no JSON", "no text", "no folder", "no store"],
)
def test_damage_is_found_named_and_rebuilt_without_rerunning_what_follows(
    toy: Toy, spoil: Callable[[Path], object], reason: str
) -> None:
    toy.run("all")
    spoil(generation(toy, "power") / "powers.npy")
    plan = toy.plan()
    assert why(plan, "power") == [reason]
    assert list(actions(plan).values()) == ["fresh", "will run", "fresh", "may run"]
    assert ran(toy.run("all")) == ["power"]
    assert toy.files() == oracle()
    assert not toy.plan().stale


def test_a_receipt_of_a_newer_version_is_not_believed_and_named(toy: Toy) -> None:
    toy.run("all")
    path = generation(toy, "parity") / "receipt.json"
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}'))
    assert f"it has format {FORMAT + 1}" in why(toy.plan(), "parity")[0]
    assert ran(toy.run("all")) == ["parity"]
    assert not toy.plan().stale


def test_a_result_whose_folder_bears_another_name_is_not_restored(toy: Toy) -> None:
    toy.run("all")
    made = generation(toy, "power")
    made.rename(made.with_name("0123-4567"))
    assert ran(toy.run("all")) == ["power"]
    assert toy.files() == oracle()


def test_touching_a_file_reruns_nothing(toy: Toy) -> None:
    toy.run("all")
    for path in (toy.raw, generation(toy, "power") / "powers.npy"):
        os.utime(path, (1, 1))
    assert not toy.plan().stale


# links -----------------------------------------------------------------------------------------------

PLACES = (
    "power",
    "total/summary.json",
    "total/receipt.json",
    ".store",
    ".store/tmp",
    ".store/power",
    ".store/code.json",
    ".store/power/GENERATION",
    ".scratch",
    ".scratch/total",
    ".scratch/power",
    ".lock",
    "runs.jsonl",
)


@pytest.mark.parametrize("dangling", [False, True], ids=["to the same outside", "to nowhere"])
@pytest.mark.parametrize("place", PLACES)
def test_a_link_to_the_outside_is_never_written_through_nor_taken_for_fresh(
    toy: Toy,
    place: str,
    dangling: bool,  # noqa: FBT001 - a case's column
) -> None:
    toy.run("all")
    path = toy.artifacts / place.replace("GENERATION", generation(toy, "power").name)
    outside = toy.work / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    if path.is_symlink():  # a stage's link: put what it shows outside
        shutil.copytree(path, outside / "moved")
        path.unlink()
    elif path.exists():
        shutil.move(path, outside / "moved")
    else:
        (outside / "moved").mkdir()
    path.symlink_to(outside / ("nothing" if dangling else "moved"))
    before = everything(outside)
    toy.settings = {"power.exponent": 3}
    told: list[str] = []
    for force in (False, True):
        try:
            for stage, action in actions(toy.plan()).items():
                assert action != "fresh" or toy.files().items() >= {
                    (name, data) for name, data in oracle(exponent=3).items() if name.startswith(stage)
                }
            toy.run("all", force=force)
        except PipelineError as error:
            told.append(error.where + error.hint)
        else:
            assert toy.files() == oracle(exponent=3)
        assert everything(outside) == before
    assert all(told)  # an error, if there was one, said where or how to mend it
    if path.is_symlink():
        path.unlink()
    toy.run("all")
    assert toy.files() == oracle(exponent=3)
    assert everything(outside) == before


@pytest.mark.parametrize("place", ["power", "power/powers.npy", "power/receipt.json", ".store/power/GENERATION"])
def test_a_link_to_the_very_same_bytes_outside_is_not_fresh(toy: Toy, place: str) -> None:
    """What it shows today is right, but nobody knows what it will show tomorrow."""
    toy.run("all")
    path = toy.artifacts / place.replace("GENERATION", generation(toy, "power").name)
    outside = toy.work / "outside"
    if path.is_symlink():
        shutil.copytree(path, outside)
        path.unlink()
    else:
        shutil.move(path, outside)
    path.symlink_to(outside)
    assert actions(toy.plan())["power"] == ("restore" if place == "power" else "will run")
    toy.run("all")
    assert toy.files() == oracle()
    assert (toy.artifacts / "power" / "powers.npy").resolve().is_relative_to(toy.artifacts.resolve())
    assert generation(toy, "power").is_relative_to(toy.artifacts.resolve())
    outside.unlink() if outside.is_file() else shutil.rmtree(outside)
    assert not toy.plan().stale


def test_the_artifacts_folder_itself_may_be_a_link(toy: Toy) -> None:
    disk = toy.work / "big disk"
    disk.mkdir()
    toy.artifacts.symlink_to(disk)
    toy.run("all")
    assert toy.files() == oracle()
    assert toy.artifacts.is_symlink()
    assert not toy.plan().stale


# a file where a folder should be ---------------------------------------------------------------------


@pytest.mark.parametrize("place", [".", "power", ".store", ".store/tmp", ".store/power", ".scratch", ".scratch/power"])
def test_a_file_where_a_folder_should_be_is_named_and_left_alone(toy: Toy, place: str) -> None:
    path = toy.artifacts / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("precious")
    with pytest.raises(PipelineError) as caught:
        toy.run("all")
    assert str(path) in caught.value.where
    assert path.read_text() == "precious"
    path.unlink()
    toy.run("all")
    assert toy.files() == oracle()


def test_a_folder_that_no_stage_made_is_refused_before_anything_runs(toy: Toy) -> None:
    (toy.artifacts / "power").mkdir(parents=True)
    (toy.artifacts / "power" / "thesis.txt").write_text("precious")
    watcher = Recorder()
    with pytest.raises(StoreError, match="no stage made it") as caught:
        toy.run("all", watcher=watcher)
    assert caught.value.where == str(toy.artifacts / "power")
    assert watcher.began == []
    assert (toy.artifacts / "power" / "thesis.txt").read_text() == "precious"


# the disk --------------------------------------------------------------------------------------------


def refuse(number: int, concerned: Callable[[str], bool], first: int = 0) -> None:
    """Let the system refuse everything concerned from the ``first`` such operation on, in this process for good."""
    count = 0

    def before(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if concerned(name):
            count += 1
            if count > first:
                raise OSError(number, os.strerror(number), str(arguments[0]))

    rig(before)


def test_a_disk_that_fills_up_at_any_write_is_told_of_and_harms_nothing(toy: Toy) -> None:
    toy.run("all")
    template = toy.work.rename(toy.work.with_name("template"))
    toy.settings = {"power.exponent": 3}
    point, told = 0, ""
    while True:
        shutil.rmtree(toy.work, ignore_errors=True)
        shutil.copytree(template, toy.work, symlinks=True)

        def run_until_full(point: int = point) -> None:
            refuse(errno.ENOSPC, CREATING.__contains__, point)
            toy.run("power")

        told = told_in_child(toy, run_until_full)
        if not told:
            break
        assert told.startswith(("StoreError: ", "LockError: ")), f"at write {point}: {told}"
        plainly = "No space left" if "the lock" in told else "the disk is full"
        assert plainly in told, f"at write {point}: {told}"
        files = toy.files()
        assert files["power/powers.npy"] in {oracle()["power/powers.npy"], oracle(exponent=3)["power/powers.npy"]}
        assert files.keys() == oracle().keys()
        toy.run("all")
        assert toy.files() == oracle(exponent=3)
        point += 1
    assert point > 8


def test_a_limit_on_the_size_of_files_is_told(toy: Toy) -> None:
    toy.run("all")
    toy.raw.write_text("\n".join(map(str, range(3_000))))

    def run_within_limits() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))
        toy.run("all")

    told = told_in_child(toy, run_within_limits)
    assert told.startswith("StoreError: load cannot write its results: a file may not be that large"), told
    assert "ulimit -f shows the limit" in told
    assert toy.files() == oracle()


def read_only() -> None:
    """Make this process see a file system that nothing can be written to."""
    access = os.access
    os.access = lambda path, mode, **options: not mode & os.W_OK and access(path, mode, **options)
    refuse(errno.EROFS, lambda _: True)


def test_reading_commands_write_nothing(toy: Toy) -> None:
    toy.run("all")

    def look() -> None:
        read_only()
        if toy.plan().stale:
            raise RuntimeError

    assert told_in_child(toy, look) == ""


@pytest.mark.parametrize("made", [False, True], ids=["nothing there", "all there"])
def test_a_read_only_file_system_is_a_clear_error(toy: Toy, made: bool) -> None:  # noqa: FBT001 - a case's column
    if made:
        toy.run("all")

    def run() -> None:
        read_only()
        toy.run("all", force=True)

    told = told_in_child(toy, run)
    do = "write into" if made else "make"
    assert told.startswith(f"StoreError: cannot {do} the artifacts folder"), told
    assert f"make {toy.artifacts if made else toy.work}" in told
    assert f"where: {toy.artifacts}" in told
    assert toy.files() == (oracle() if made else {})


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root; a read-only file system is tried instead")
def test_a_folder_without_permission_to_write_is_a_clear_error(toy: Toy) -> None:
    toy.run("all")
    folders = [toy.artifacts, *(path for path in toy.artifacts.rglob("*") if stat.S_ISDIR(path.lstat().st_mode))]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert not toy.plan().stale
        with pytest.raises(StoreError, match="cannot write into the artifacts folder") as caught:
            toy.run("all", force=True)
        assert f"make {toy.artifacts / '.store/tmp'} writable" in caught.value.hint
    finally:
        for folder in folders:
            folder.chmod(0o755)


# copies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("links", [True, False], ids=["links kept", "links followed"])
def test_a_copied_folder_is_as_good_in_another_place(toy: Toy, links: bool) -> None:  # noqa: FBT001 - a case's column
    toy.run("all")
    toy.settings = {"power.exponent": 3}
    toy.run("all")
    original = toy.work
    toy.work = original.with_name("elsewhere")
    shutil.copytree(original, toy.work, symlinks=links)
    shutil.rmtree(original)
    assert not toy.plan().stale
    assert ran(toy.run("all")) == []
    toy.settings = {}
    assert ran(toy.run("all")) == []
    assert toy.files() == oracle()
    toy.settings = {"power.exponent": 1}
    assert ran(toy.run("all")) == ["power", "total"]
    assert toy.files() == oracle(exponent=1)
    toy.settings = {"power.exponent": 3}
    assert ran(toy.run("all")) == []


def test_a_damaged_copy_is_rebuilt_even_if_its_links_were_followed(toy: Toy) -> None:
    toy.run("all")
    original = toy.work
    toy.work = original.with_name("elsewhere")
    shutil.copytree(original, toy.work)
    (toy.artifacts / "power" / "powers.npy").write_bytes(b"spoilt")
    assert why(toy.plan(), "power")[-1] == "output damaged: power/powers.npy"
    toy.run("all")
    assert toy.files() == oracle()
