"""`pipeline fetch mnist` from mirrors that serve badly: the next one is asked, and what is cut off goes on."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import made_mirror as ways
import pytest
from made_mirror import FILES, NAMES, PUT, SIZE, TRAIN_IMAGES, UNREACHABLE, Mirror, Way, fetched, make_set, names

from pipeline.errors import StageError
from stages.commands.fetch import download

pytestmark = pytest.mark.usefixtures("cache")


# --- mirrors that fail -----------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Way, str]] = {
    "404": (ways.status(404), "404 Not Found"),
    "403": (ways.status(403), "403 Forbidden"),
    "500": (ways.status(500), "500 Internal Server Error"),
    "wrong bytes": (ways.wrong, "not the published file (its checksum differs)"),
    "a web page": (ways.page, f"sends 27 bytes where {SIZE:,} belong"),
    "more than there is": (ways.endless, f"sends more than the {SIZE:,} bytes"),
    "hung up": (ways.hung_up, ": Remote end closed connection without response"),
    "in a circle": (ways.in_a_circle, "Exceeded 30 redirects"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_mirror_serves_what_one_does_not(mirror: Mirror, other: Mirror, work: Path, fault: str) -> None:
    mirror.ask(FAULTS[fault][0])
    fetched(work, mirror, other)
    assert names(work) == PUT
    assert [name for name, _ in other.asked] == list(NAMES)  # and is asked first for the other files
    assert {name for name, _ in mirror.asked} == {TRAIN_IMAGES}


@pytest.mark.parametrize("fault", FAULTS)
def test_if_no_mirror_serves_it_the_reasons_are_shown_and_nothing_is_left(
    mirror: Mirror, work: Path, cache: Path, fault: str
) -> None:
    way, reason = FAULTS[fault]
    mirror.ask(way)
    with pytest.raises(StageError) as caught:
        fetched(work, UNREACHABLE, mirror)
    assert caught.value.what == f"{TRAIN_IMAGES} could not be downloaded: no mirror serves it"
    assert caught.value.places[0] == f"{UNREACHABLE}: Connection refused"
    assert mirror.url in caught.value.places[1]
    assert reason in caught.value.places[1]
    assert "--mirror" in caught.value.hint
    assert names(work) == []
    assert list(cache.iterdir()) == []
    assert "kept" not in caught.value.hint


def test_of_many_mirrors_only_some_are_shown(work: Path) -> None:
    with pytest.raises(StageError) as caught:
        fetched(work, *(f"http://127.0.0.1:9/{number}" for number in range(8)))
    assert len(caught.value.places) == 6
    assert caught.value.places[-1] == "and 3 more mirrors"


@pytest.mark.parametrize("then", [ways.well, ways.moved], ids=["well", "redirected"])
@pytest.mark.parametrize("first", [ways.status(500), ways.status(503), ways.status(429)], ids=["500", "503", "429"])
def test_a_mirror_is_tried_again_after_a_temporary_failure(mirror: Mirror, work: Path, first: Way, then: Way) -> None:
    mirror.ask(first, then)
    fetched(work, mirror)
    assert names(work) == PUT


@pytest.mark.parametrize("fault", [ways.status(404), ways.wrong, ways.page], ids=["404", "wrong", "page"])
def test_a_mirror_is_not_tried_again_after_a_permanent_failure(mirror: Mirror, work: Path, fault: Way) -> None:
    mirror.ask(fault, ways.well)
    with pytest.raises(StageError):
        fetched(work, mirror)
    assert len(mirror.asked) == 1


def test_a_redirection_is_followed(mirror: Mirror, work: Path) -> None:
    for name in NAMES:
        mirror.ask(ways.moved, of=name)
    fetched(work, mirror)
    assert names(work) == PUT


def test_the_files_are_asked_for_as_they_are_and_not_unpacked(mirror: Mirror, work: Path) -> None:
    mirror.ask(ways.for_browsers)
    fetched(work, mirror)
    assert names(work) == PUT


# --- cut off, and gone on with ---------------------------------------------------------------------------------------


def rest_asked_for(mirror: Mirror) -> int:
    """The byte from which on the last request wanted the training images."""
    return int(mirror.ranges()[-1].removeprefix("bytes=").removesuffix("-"))


@pytest.mark.parametrize("cut", [ways.half, ways.stalled], ids=["cut off", "stalled"])
def test_an_interrupted_download_is_resumed(
    mirror: Mirror, work: Path, cut: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.3)
    mirror.ask(cut, ways.well)
    fetched(work, mirror)
    assert names(work) == PUT
    assert mirror.ranges()[0] == ""
    assert SIZE // 2 - 1000 <= rest_asked_for(mirror) <= SIZE // 2


def test_an_interrupted_download_is_resumed_at_another_mirror(mirror: Mirror, other: Mirror, work: Path) -> None:
    mirror.ask(ways.half)
    other.ask(ways.half, ways.well)
    fetched(work, mirror, other)
    assert names(work) == PUT
    assert rest_asked_for(other) >= rest_asked_for(mirror) >= SIZE // 2 - 1000


def test_a_server_without_ranges_sends_it_all_again(mirror: Mirror, work: Path) -> None:
    mirror.ask(ways.half, ways.whole)
    fetched(work, mirror)
    assert rest_asked_for(mirror) > 0
    assert names(work) == PUT


@pytest.mark.parametrize(("fault", "told"), [(ways.half, "it stopped after"), (ways.stalled, "nothing came for 0.2 s")])
def test_a_download_that_is_always_interrupted_is_an_error_and_its_part_is_kept(
    mirror: Mirror, work: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, fault: Way, told: str
) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.2)
    mirror.ask(fault)
    with pytest.raises(StageError) as caught:
        fetched(work, mirror)
    assert told in caught.value.places[0]
    assert "what has arrived is kept" in caught.value.hint
    assert names(work) == []
    assert names(cache) == [f"{TRAIN_IMAGES}.part"]
    mirror.ask(ways.well)
    fetched(work, mirror)
    assert rest_asked_for(mirror) > SIZE // 2


def test_a_mirror_that_never_answers_is_given_up(mirror: Mirror, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.1)
    mirror.ask(ways.silent)
    with pytest.raises(StageError, match=r"nothing came for 0\.1 s, after 0 bytes"):
        fetched(work, mirror)


@pytest.mark.parametrize("left", [b"another file", b"x" * SIZE, b"x" * (SIZE + 9)], ids=["short", "full", "long"])
def test_a_part_of_something_else_is_thrown_away(mirror: Mirror, work: Path, cache: Path, left: bytes) -> None:
    cache.mkdir(parents=True)
    (cache / f"{TRAIN_IMAGES}.part").write_bytes(left)
    fetched(work, mirror)
    assert names(work) == PUT
    assert names(cache) == sorted(NAMES)


def test_a_part_that_no_mirror_completes_is_thrown_away(mirror: Mirror, work: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / f"{TRAIN_IMAGES}.part").write_bytes(b"of a longer file")
    mirror.ask(ways.without_ranges, ways.whole)
    fetched(work, mirror)
    assert mirror.ranges() == ["bytes=16-", ""]
    assert names(cache) == sorted(NAMES)


def test_files_of_killed_processes_are_removed_unless_another_process_uses_the_cache(
    mirror: Mirror, work: Path, cache: Path
) -> None:
    (cache / "tmp_folder").mkdir(parents=True)
    left = cache / "tmpab1_xy9z"
    left.write_bytes(b"half")
    folder = os.open(cache, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH)  # as a process that is downloading
        fetched(work, mirror)
        assert left.exists()
    finally:
        os.close(folder)
    fetched(work, mirror, again=True)
    assert names(cache) == sorted(NAMES)


def test_a_file_that_rots_in_the_cache_is_downloaded_again(mirror: Mirror, work: Path, cache: Path) -> None:
    fetched(work, mirror)
    (cache / TRAIN_IMAGES).write_bytes(FILES[TRAIN_IMAGES][:-1] + b"?")
    fetched(work, mirror, again=True)
    assert (cache / TRAIN_IMAGES).read_bytes() == FILES[TRAIN_IMAGES]
    assert [name for name, _ in mirror.asked] == [*NAMES, TRAIN_IMAGES]


def test_an_interruption_leaves_nothing_in_data_and_the_next_call_goes_on(
    mirror: Mirror, work: Path, cache: Path
) -> None:
    def interrupt(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:  # noqa: ARG001 - Progress
        if note == NAMES[2]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetched(work, mirror, progress=interrupt)
    assert names(work) == []
    assert names(cache) == sorted([*NAMES[:2], f"{NAMES[2]}.part"])
    mirror.asked.clear()
    fetched(work, mirror)
    assert names(work) == PUT
    assert mirror.asked == [(NAMES[2], "bytes=1000-"), (NAMES[3], "")]


def test_ctrl_c_ends_it_with_130_and_one_line_and_the_same_call_then_finishes(
    mirror: Mirror, work: Path, cache: Path
) -> None:
    mirror.ask(ways.stalled, ways.well)
    code = (
        "from stages.commands import data_sets\nfrom stages.commands.fetch import download\n"
        "from stages.commands.data_sets import *\n"
        f"download.CHUNK_BYTES = 1000\ndata_sets.DATA_SETS['mnist'] = {make_set(FILES, mirror.url)!r}\n"
        f"from pipeline.cli import main\nmain(['fetch', 'mnist', '-C', {str(work)!r}])"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert mirror.has_stalled.wait(60)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.startswith("error: interrupted")
    assert stderr.count("\n") == 1
    assert names(work) == []
    assert names(cache) == [f"{TRAIN_IMAGES}.part"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert names(work) == PUT
