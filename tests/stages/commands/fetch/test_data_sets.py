"""`pipeline fetch mnist`: what is put into data/, and what is told where that fails."""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import json
import resource
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import made_mirror as ways
import numpy as np
import pytest
import requests
import urllib3
from calling import call
from made_mirror import FILES, NAMES, PUT, TRAIN_IMAGES, UNREACHABLE, Mirror, fetched, make_set, names, running, zipped

from pipeline.errors import DataError
from pipeline.task import silent_progress
from stages.commands import data_sets
from stages.commands.data_sets import DataSet
from stages.commands.fetch import competition_files, download
from stages.commands.fetch.competition_files import fetch_data_set
from stages.commands.fetch.idx import read_idx
from stages.ingest.sources.notice_of_test_images import NOTE

fetch = partial(call, "fetch")

pytestmark = pytest.mark.usefixtures("cache")


def rows(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode())))


# --- what is put into data/ ------------------------------------------------------------------------------------------


def test_the_set_becomes_a_competitions_zip_and_a_file_of_answers(mirror: Mirror, work: Path) -> None:
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


def test_only_mnist_gets_a_note(mirror: Mirror, work: Path) -> None:
    other = make_set(FILES, mirror.url, name="fashion-mnist", holds_test_images=False)
    found = fetch_data_set(other, work / "data", silent_progress)
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


def test_existing_files_are_kept_without_force(mirror: Mirror, work: Path) -> None:
    (work / "data/answers").mkdir(parents=True)
    (work / "data/answers/mnist.csv").write_text("mine")
    fetched(work, mirror)
    (work / "data/mnist.zip").write_bytes(mine := zipped(train="label,pixel0\n1,2\n"))
    assert not fetched(work, mirror).downloaded
    assert (work / "data/mnist.zip").read_bytes() == mine
    assert (work / "data/answers/mnist.csv").read_text() == "mine"
    fetched(work, mirror, again=True)
    assert (work / "data/mnist.zip").read_bytes() != mine
    assert (work / "data/answers/mnist.csv").read_text().startswith("ImageId,Label\n1,")


def test_missing_answers_are_written_again_and_the_zip_is_kept(mirror: Mirror, work: Path) -> None:
    fetched(work, mirror)
    answers, path = work / "data/answers/mnist.csv", work / "data/mnist.zip"
    before, zip_before = answers.read_bytes(), path.read_bytes()
    answers.unlink()
    found = fetched(work, mirror)
    assert (answers.read_bytes(), path.read_bytes()) == (before, zip_before)
    assert (found.downloaded, found.answers) == (False, answers)


# --- nowhere to write ------------------------------------------------------------------------------------------------


def test_a_full_disk_is_reported_and_leaves_nothing_half_in_data(
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


def test_a_cache_without_room_is_reported(mirror: Mirror, work: Path, cache: Path) -> None:
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
def test_a_file_in_the_place_of_a_folder_is_reported(mirror: Mirror, work: Path, tmp_path: Path, place: str) -> None:
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
    "not gzipped": (b"\0\0\x08\x03", "is damaged: "),
    "cut off": (FILES[TRAIN_IMAGES][:-20], "is cut off: "),
    "of labels": (FILES[NAMES[1]], "not an IDX file of unsigned bytes with 3 dimensions"),
    "empty": (ways.idx(np.zeros(0, np.uint8))[:0], "not an IDX file"),
    "too short": (
        ways.gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9]) + b"x"),
        "says that it holds 9 x 9 x 9 values, and has 1",
    ),
    "of other images": (ways.idx(np.zeros((5, 28, 28), np.uint8)), "has 5 images, and .* 30 labels"),
}


@pytest.mark.parametrize("odd", ODD)
def test_files_that_are_no_set_of_images_are_an_error(work: Path, odd: str) -> None:
    content, message = ODD[odd]
    files = FILES | {TRAIN_IMAGES: content}
    with running(files) as mirror, pytest.raises(DataError, match=message):
        fetch_data_set(make_set(files, mirror.url), work / "data", silent_progress)
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


@pytest.mark.usefixtures("as_mnist")
def test_the_command_tells_what_it_made_and_what_it_is_not_for(mirror: Mirror, work: Path) -> None:
    told = fetch(work, "MNIST", "--mirror", UNREACHABLE, "--mirror", mirror.url)
    assert "mnist.zip: downloaded, " in told.stdout
    assert f"answers/mnist.csv: the right labels of its test set, for pipeline -C {work} score --answers" in told.stdout
    assert told.stdout.endswith(f"next: pipeline -C {work} run all\n")
    assert "warning: The training set holds TEST IMAGES of Kaggle's Digit Recognizer" in told.stderr
    assert names(work) == PUT
    assert "is there already" in fetch(work, "mnist").stdout


@pytest.mark.usefixtures("as_mnist")
def test_json_tells_the_same(mirror: Mirror, work: Path) -> None:
    result = fetch(work, "mnist", "--mirror", mirror.url, "--json")
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
    stderr = fetch(work, "mnist", "--mirror", "http://me:secret@127.0.0.1:9/mnist", code=1).stderr
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
def test_an_invalid_or_needless_mirror_is_wrong_usage(work: Path, words: tuple[str, ...], told: str) -> None:
    assert told in fetch(work, *words, code=2).stderr
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
def test_a_mistyped_name_is_reported_before_kaggle_is_asked(
    work: Path, monkeypatch: pytest.MonkeyPatch, typed: str, meant: str
) -> None:
    monkeypatch.setattr("stages.commands.fetch.kaggle_download.fetch_competition", None)
    assert f"did you mean: pipeline -C {work} fetch {meant}\n" in fetch(work, typed, code=2).stderr


@pytest.mark.parametrize("name", ["mnist", "Kannada-MNIST"])
def test_a_damaged_zip_that_is_there_says_what_replaces_it(work: Path, name: str) -> None:
    (work / "data/answers").mkdir(parents=True)
    (work / "data/answers/mnist.csv").write_text("mine")
    (work / f"data/{name}.zip").write_bytes(zipped(train="label,pixel0\n1,2\n")[:-30])
    assert f"pipeline -C {work} fetch {name} --force" in fetch(work, name, code=1).stderr


def test_no_reason_is_a_tuple_of_python() -> None:
    error = requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", OSError("x")))
    assert download.reason_of(error) == "ConnectionError"
    error.__context__ = urllib3.exceptions.ProtocolError("aborted")
    assert download.reason_of(error) == "aborted"
    error.__context__.__context__ = KeyError("another matter")
    assert download.reason_of(error) == "aborted"


@pytest.mark.usefixtures("as_mnist")
def test_another_zip_in_data_is_reported(mirror: Mirror, work: Path) -> None:
    (work / "data").mkdir()
    (work / "data/digit-recognizer.zip").write_bytes(zipped(train="label,pixel0\n1,2\n", test="pixel0\n1\n"))
    told = fetch(work, "mnist", "--mirror", mirror.url)
    assert "2 of the 2 zips in data/ hold both train.csv and test.csv, and only one may: " in told.stderr
    assert "next: " not in told.stdout


def test_the_published_sets_are_whole() -> None:
    """Each file once, by checksums of MD5's length; MNIST is the one that holds Kaggle's test images."""
    for made in data_sets.DATA_SETS.values():
        assert [file.name for file in made.files] == list(NAMES)
        assert len({file.md5 for file in made.files}) == 4
        assert all(len(bytes.fromhex(file.md5)) == 16 for file in made.files)
        assert len(made.mirrors) >= 2
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in made.mirrors)
    assert {made.name for made in data_sets.DATA_SETS.values() if made.holds_test_images} == {"mnist"}
