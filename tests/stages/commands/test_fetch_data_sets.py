"""`pipeline fetch mnist`, from mirrors on this machine that serve a small made set well, and badly."""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import json
import os
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_mirror as ways
import numpy as np
import pytest
import requests
import urllib3
from click.testing import CliRunner, Result
from made_mirror import NAMES, TRAIN_IMAGES, Mirror, Way, make_files, make_set, running

from pipeline.cli import main
from pipeline.errors import DataError, StageError
from stages.commands import data_sets
from stages.commands.data_sets import DataSet
from stages.commands.fetch import competition_files, download
from stages.commands.fetch.competition_files import fetch_data_set
from stages.commands.fetch.idx import read_idx
from stages.ingest.sources.leakage import NOTE

FILES = make_files()
SIZE = len(FILES[TRAIN_IMAGES])
PUT = ["data/answers/mnist.csv", "data/mnist.zip"]
UNREACHABLE = "http://127.0.0.1:9/mnist/"  # nothing listens at the port for discarding


def silent(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
    """Take the progress and show nothing."""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running(FILES) as found:
        yield found


@pytest.fixture
def other() -> Iterator[Mirror]:
    with running(FILES) as found:
        yield found


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what is downloaded is kept; pieces are small, so that a half consists of many."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "CHUNK_BYTES", 1000)
    return tmp_path / "cache/digit-pipeline/mnist"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def fetched(work: Path, *mirrors: Mirror | str, waiting: float = 10.0, **others: Any) -> competition_files.Fetched:
    """Fetch the made set from these mirrors, in this order."""
    urls = [mirror if isinstance(mirror, str) else mirror.url for mirror in mirrors]
    others.setdefault("progress", silent)
    return fetch_data_set(make_set(FILES, *urls), work / "data", waiting=waiting, **others)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def rows(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode())))


# --- what is put into data/ ------------------------------------------------------------------------------------------


def test_the_set_becomes_a_competitions_zip_and_the_answers_lie_apart(mirror: Mirror, work: Path) -> None:
    found = fetched(work, mirror)
    assert names(work) == PUT
    images, labels = read_set("train")
    test_images, test_labels = read_set("t10k")
    with zipfile.ZipFile(work / "data/mnist.zip") as archive:
        assert archive.namelist() == ["train.csv", "test.csv", "sample_submission.csv", NOTE]
        train, test, sample = (rows(archive.read(name)) for name in archive.namelist()[:3])
    assert train[0] == ["label", *(f"pixel{index}" for index in range(784))]
    np.testing.assert_array_equal(np.array(train[1:], int), np.column_stack([labels, images]))
    assert test[0] == train[0][1:]
    np.testing.assert_array_equal(np.array(test[1:], int), test_images)
    assert sample == [["ImageId", "Label"], *([str(number), "0"] for number in range(1, 13))]
    answers = rows((work / "data/answers/mnist.csv").read_bytes())
    assert answers == [["ImageId", "Label"], *([str(n), str(label)] for n, label in enumerate(test_labels, 1))]
    assert (found.is_usable, found.holds_test_images, found.answers) == (True, True, work / "data/answers/mnist.csv")


def read_set(name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The made images (m, 784) and labels (m,), as the generator gave them."""
    rng = np.random.default_rng(18)
    drawn = {each: rng.integers(0, 256, (m, 28, 28), np.uint8) for each, m in (("train", 30), ("t10k", 12))}
    return drawn[name].reshape(-1, 784), np.arange(len(drawn[name])) % 10


def test_many_rows_are_written_in_their_order(mirror: Mirror, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(competition_files, "ROWS_AT_ONCE", 7)
    fetched(work, mirror)
    with zipfile.ZipFile(work / "data/mnist.zip") as archive:
        table = np.array(rows(archive.read("train.csv"))[1:], int)
    np.testing.assert_array_equal(table[:, 1:], read_set("train")[0])


def test_another_set_than_mnist_carries_no_note(mirror: Mirror, work: Path) -> None:
    other = make_set(FILES, mirror.url, name="fashion-mnist", holds_test_images=False)
    found = fetch_data_set(other, work / "data", silent)
    assert names(work) == ["data/answers/fashion-mnist.csv", "data/fashion-mnist.zip"]
    assert not found.holds_test_images
    assert NOTE not in found.members


def test_the_same_files_give_the_same_zip(mirror: Mirror, work: Path) -> None:
    fetched(work, mirror)
    before = (work / "data/mnist.zip").read_bytes()
    asked = len(mirror.asked)
    assert fetched(work, mirror, again=True).downloaded
    assert (work / "data/mnist.zip").read_bytes() == before
    assert len(mirror.asked) == asked == 4  # what is in the cache is not downloaded again


def test_what_lies_in_data_stays_unless_it_is_wanted_again(mirror: Mirror, work: Path) -> None:
    (work / "data/answers").mkdir(parents=True)
    (work / "data/answers/mnist.csv").write_text("mine")
    fetched(work, mirror)
    (work / "data/mnist.zip").write_bytes(mine := zipped())
    assert not fetched(work, mirror).downloaded
    assert (work / "data/mnist.zip").read_bytes() == mine
    assert (work / "data/answers/mnist.csv").read_text() == "mine"
    fetched(work, mirror, again=True)
    assert (work / "data/mnist.zip").read_bytes() != mine
    assert (work / "data/answers/mnist.csv").read_text().startswith("ImageId,Label\n1,")


def test_answers_that_are_gone_are_made_anew_and_the_zip_stays(mirror: Mirror, work: Path) -> None:
    fetched(work, mirror)
    answers, path = work / "data/answers/mnist.csv", work / "data/mnist.zip"
    before, zip_before = answers.read_bytes(), path.read_bytes()
    answers.unlink()
    found = fetched(work, mirror)
    assert (answers.read_bytes(), path.read_bytes()) == (before, zip_before)
    assert (found.downloaded, found.answers) == (False, answers)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("train.csv", "label,pixel0\n1,2\n")
    return buffer.getvalue()


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
def test_without_a_mirror_that_serves_it_the_reasons_are_told_and_nothing_is_left(
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


def test_many_mirrors_are_not_all_told(work: Path) -> None:
    with pytest.raises(StageError) as caught:
        fetched(work, *(f"http://127.0.0.1:9/{number}" for number in range(8)))
    assert len(caught.value.places) == 6
    assert caught.value.places[-1] == "and 3 more mirrors"


@pytest.mark.parametrize("then", [ways.well, ways.moved], ids=["well", "redirected"])
@pytest.mark.parametrize("first", [ways.status(500), ways.status(503), ways.status(429)], ids=["500", "503", "429"])
def test_a_mirror_is_asked_again_where_the_fault_may_pass(mirror: Mirror, work: Path, first: Way, then: Way) -> None:
    mirror.ask(first, then)
    fetched(work, mirror)
    assert names(work) == PUT


@pytest.mark.parametrize("fault", [ways.status(404), ways.wrong, ways.page], ids=["404", "wrong", "page"])
def test_a_mirror_is_not_asked_again_where_it_will_not(mirror: Mirror, work: Path, fault: Way) -> None:
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
def test_what_is_cut_off_goes_on_where_it_was(mirror: Mirror, work: Path, cut: Way) -> None:
    mirror.ask(cut, ways.well)
    fetched(work, mirror, waiting=0.3)
    assert names(work) == PUT
    assert mirror.ranges()[0] == ""
    assert SIZE // 2 - 1000 <= rest_asked_for(mirror) <= SIZE // 2


def test_a_cut_off_rest_goes_on_at_another_mirror(mirror: Mirror, other: Mirror, work: Path) -> None:
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
def test_what_is_always_cut_off_is_told_and_what_has_arrived_is_kept(
    mirror: Mirror, work: Path, cache: Path, fault: Way, told: str
) -> None:
    mirror.ask(fault)
    with pytest.raises(StageError) as caught:
        fetched(work, mirror, waiting=0.2)
    assert told in caught.value.places[0]
    assert "what has arrived is kept" in caught.value.hint
    assert names(work) == []
    assert names(cache) == [f"{TRAIN_IMAGES}.part"]
    mirror.ask(ways.well)
    fetched(work, mirror)
    assert rest_asked_for(mirror) > SIZE // 2


def test_a_mirror_that_never_answers_is_given_up(mirror: Mirror, work: Path) -> None:
    mirror.ask(ways.silent)
    with pytest.raises(StageError, match=r"nothing came for 0\.1 s, after 0 bytes"):
        fetched(work, mirror, waiting=0.1)


@pytest.mark.parametrize("left", [b"another file", b"x" * SIZE, b"x" * (SIZE + 9)], ids=["short", "full", "long"])
def test_a_part_of_something_else_is_thrown_away(mirror: Mirror, work: Path, cache: Path, left: bytes) -> None:
    cache.mkdir(parents=True)
    (cache / f"{TRAIN_IMAGES}.part").write_bytes(left)
    fetched(work, mirror)
    assert names(work) == PUT
    assert names(cache) == sorted(NAMES)


def test_a_part_that_the_mirror_has_no_rest_for_is_thrown_away(mirror: Mirror, work: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / f"{TRAIN_IMAGES}.part").write_bytes(b"of a longer file")
    mirror.ask(ways.without_ranges, ways.whole)
    fetched(work, mirror)
    assert mirror.ranges() == ["bytes=16-", ""]
    assert names(cache) == sorted(NAMES)


def test_what_a_killed_process_left_in_the_cache_is_removed_unless_another_one_is_at_it(
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


# --- nowhere to write ------------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_leaves_nothing_half_in_data(
    mirror: Mirror, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(competition_files, "write_csv", full)
    with pytest.raises(DataError) as caught:
        fetched(work, mirror)
    assert caught.value.what == "mnist.zip cannot be written: the disk is full"
    assert "free some space" in caught.value.hint
    assert names(work) == ["data/answers/mnist.csv"]
    monkeypatch.undo()
    fetched(work, mirror)
    assert names(work) == PUT


def test_a_cache_without_room_is_told(mirror: Mirror, work: Path, cache: Path) -> None:
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, earlier[1]))
    try:
        with pytest.raises(DataError) as caught:
            fetched(work, mirror)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
    assert caught.value.what.startswith(f"{TRAIN_IMAGES} cannot be saved in the cache: a file may not be that large")
    assert caught.value.places == (str(cache),)
    assert "XDG_CACHE_HOME" in caught.value.hint
    assert names(work) == []


@pytest.mark.parametrize("place", ["cache", "work/data"])
def test_a_file_in_the_place_of_a_folder_is_told(mirror: Mirror, work: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / place).write_text("")
    with pytest.raises(DataError, match=r"cannot be (saved|written)"):
        fetched(work, mirror)


def test_two_processes_do_not_write_to_the_same_part(mirror: Mirror, work: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    with (cache / f"{TRAIN_IMAGES}.part").open("ab") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is downloading it"):
            fetched(work, mirror)
    fetched(work, mirror)
    assert names(work) == PUT


# --- files that are not what they should be, though their checksums are right -----------------------------------------

ODD: dict[str, tuple[bytes, str]] = {
    "not gzipped": (b"\0\0\x08\x03", "cannot be read: Not a gzipped file"),
    "cut off": (FILES[TRAIN_IMAGES][:-20], "cannot be read: Compressed file ended"),
    "of labels": (FILES[NAMES[1]], "not an IDX file of unsigned bytes with 3 dimensions"),
    "empty": (ways.idx(np.zeros(0, np.uint8))[:0], "cannot be read|not an IDX file"),
    "too short": (
        ways.gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9]) + b"x"),
        "says that it holds 9 x 9 x 9 values, and has 1",
    ),
    "of other images": (ways.idx(np.zeros((5, 28, 28), np.uint8)), "has 5 images, and .* 30 labels"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_set_of_images_is_told(work: Path, odd: str) -> None:
    content, message = ODD[odd]
    files = FILES | {TRAIN_IMAGES: content}
    with running(files) as mirror, pytest.raises(DataError, match=message):
        fetch_data_set(make_set(files, mirror.url), work / "data", silent)
    assert names(work) == []


def test_idx_is_read_row_by_row(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a.gz").write_bytes(ways.idx(values))
    np.testing.assert_array_equal(read_idx(tmp_path / "a.gz", 3), values)


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def as_mnist(monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """The made set in the place of MNIST, with mirrors that cannot be reached."""
    made = make_set(FILES, UNREACHABLE)
    monkeypatch.setitem(data_sets.DATA_SETS, "mnist", made)
    return made


def invoke(folder: Path, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["fetch", *words, "-C", str(folder)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.mark.usefixtures("as_mnist")
def test_the_command_tells_what_it_made_and_what_it_is_not_for(mirror: Mirror, work: Path) -> None:
    told = invoke(work, "MNIST", "--mirror", UNREACHABLE, "--mirror", mirror.url)
    assert "mnist.zip: downloaded, " in told.stdout
    assert "answers/mnist.csv: the right labels of its test set, for pipeline score --answers" in told.stdout
    assert told.stdout.endswith("next: pipeline run all\n")
    assert "warning: The training set holds TEST IMAGES of Kaggle's Digit Recognizer" in told.stderr
    assert names(work) == PUT
    assert "is there already" in invoke(work, "mnist").stdout


@pytest.mark.usefixtures("as_mnist")
def test_json_tells_the_same(mirror: Mirror, work: Path) -> None:
    result = invoke(work, "mnist", "--mirror", mirror.url, "--json")
    assert json.loads(result.stdout) == {
        "path": str(work / "data/mnist.zip"),
        "downloaded": True,
        "bytes": (work / "data/mnist.zip").stat().st_size,
        "files": ["train.csv", "test.csv", "sample_submission.csv", NOTE],
        "usable": True,
        "holds_test_images": True,
        "answers": str(work / "data/answers/mnist.csv"),
    }
    assert result.stderr == ""


@pytest.mark.usefixtures("as_mnist")
def test_a_failure_is_one_block_without_a_password(work: Path) -> None:
    stderr = invoke(work, "mnist", "--mirror", "http://me:secret@127.0.0.1:9/mnist", code=1).stderr
    assert stderr.count("error:") == stderr.count("hint:") == 1
    assert "127.0.0.1:9/mnist: Connection refused" in stderr
    assert "secret" not in stderr
    assert names(work) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("mnist", "--mirror", "ftp://127.0.0.1"), "begins with http:// or https://"),
        (("mnist", "--mirror", "mirror.example/mnist"), "begins with http:// or https://"),
        (("digit-recognizer", "--mirror", "http://127.0.0.1"), "--mirror is for mnist and fashion-mnist"),
    ],
)
def test_a_mirror_that_is_none_or_is_not_needed_is_wrong_usage(work: Path, words: tuple[str, ...], told: str) -> None:
    assert told in invoke(work, *words, code=2).stderr
    assert names(work) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("minst", "mnist"),
        ("mnits", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("digit-recogniser", "digit-recognizer"),
    ],
)
def test_a_mistyped_name_is_told_before_kaggle_is_asked(
    work: Path, monkeypatch: pytest.MonkeyPatch, typed: str, meant: str
) -> None:
    monkeypatch.setattr("stages.commands.fetch.kaggle_download.fetch_competition", None)
    assert f"did you mean: pipeline fetch {meant}\n" in invoke(work, typed, code=2).stderr


@pytest.mark.parametrize("name", ["mnist", "Kannada-MNIST"])
def test_a_damaged_zip_that_is_there_says_what_replaces_it(work: Path, name: str) -> None:
    (work / "data/answers").mkdir(parents=True)
    (work / "data/answers/mnist.csv").write_text("mine")
    (work / f"data/{name}.zip").write_bytes(zipped()[:-30])
    assert f"pipeline fetch {name} --force" in invoke(work, name, code=1).stderr


def test_no_reason_is_a_tuple_of_python() -> None:
    error = requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", OSError("x")))
    assert download.reason_of(error) == "ConnectionError"
    error.__context__ = urllib3.exceptions.ProtocolError("aborted")
    assert download.reason_of(error) == "aborted"
    error.__context__.__context__ = KeyError("another matter")
    assert download.reason_of(error) == "aborted"


@pytest.mark.usefixtures("as_mnist")
def test_another_zip_in_data_is_told(mirror: Mirror, work: Path) -> None:
    (work / "data").mkdir()
    with zipfile.ZipFile(work / "data/digit-recognizer.zip", "w") as archive:
        archive.writestr("train.csv", "label,pixel0\n1,2\n")
        archive.writestr("test.csv", "pixel0\n1\n")
    told = invoke(work, "mnist", "--mirror", mirror.url)
    assert "2 zips in data/, 2 hold both train.csv and test.csv" in told.stderr
    assert "next: pipeline run all" not in told.stdout


def test_the_published_sets_are_whole() -> None:
    """Each file once, by checksums of MD5's length; MNIST is the one that holds Kaggle's test images."""
    for made in data_sets.DATA_SETS.values():
        assert [file.name for file in made.files] == list(NAMES)
        assert len({file.md5 for file in made.files}) == 4
        assert all(len(bytes.fromhex(file.md5)) == 16 for file in made.files)
        assert len(made.mirrors) >= 2
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in made.mirrors)
    assert {made.name for made in data_sets.DATA_SETS.values() if made.holds_test_images} == {"mnist"}
