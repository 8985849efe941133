"""Where the raw files are looked for, in which order, and what is refused before a byte of data is read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from raw_files import ALL, BOTH, find, found, put, zipped

from pipeline.errors import ConfigError, DataError
from stages.ingest.sources.find import SAMPLE_ORIGIN
from stages.ingest.sources.notice_of_test_images import NOTE
from stages.sample import SAMPLE_FOLDER

UNREAD = "b.zip in data/ is not read: train.csv and test.csv lie beside it."


# --- the order -------------------------------------------------------------------------------------------------------


def test_with_nothing_there_the_sample_is_used_and_said_loudly(tmp_path: Path) -> None:
    sources = find(tmp_path)
    assert sources.origin == SAMPLE_ORIGIN
    assert "BUNDLED SAMPLE" in sources.notice
    assert max(len(line) for line in sources.notice.splitlines()) <= 76
    assert len(sources.notice.splitlines()) <= 3
    assert [file.path for file in sources.files] == [SAMPLE_FOLDER / "train.csv.gz", SAMPLE_FOLDER / "test.csv.gz"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("digit-recognizer.zip",), "digit-recognizer.zip lies in this folder; move it into data/."),
        (("train.csv", "test.csv", "old.csv"), "train.csv and test.csv lie in this folder; move them into data/."),
        (("Data/digit-recognizer.zip",), "digit-recognizer.zip lies in Data/; move it into data/."),
    ],
)
def test_the_samples_notice_names_the_files_that_lie_beside_data(
    tmp_path: Path, files: tuple[str, ...], said: str
) -> None:
    for name in files:
        put((tmp_path / name).parent, Path(name).name)
    lines = find(tmp_path).notice.splitlines()
    assert (len(lines), lines[1]) == (3, said)


def test_csv_files_in_data_are_found_with_their_sample_submission(tmp_path: Path) -> None:
    put(tmp_path / "data", *ALL)
    assert found(tmp_path) == {
        "train": "data/train.csv",
        "test": "data/test.csv",
        "sample_submission": "data/sample_submission.csv",
    }
    assert find(tmp_path).origin == "data/train.csv"
    assert find(tmp_path).notice == ""


def test_gzipped_files_are_found(tmp_path: Path) -> None:
    put(tmp_path / "data", "train.csv.gz", "test.csv.gz", "sample_submission.csv.gz")
    assert set(found(tmp_path)) == {"train", "test", "sample_submission"}


def test_a_zip_of_any_name_is_found_with_its_members_in_any_folder(tmp_path: Path) -> None:
    put(tmp_path / "data", "some-competition.zip")
    (tmp_path / "data/some-competition.zip").write_bytes(zipped("x/train.csv", "x/y/test.csv", "__MACOSX/train.csv"))
    assert found(tmp_path) == {
        "train": "data/some-competition.zip:x/train.csv",
        "test": "data/some-competition.zip:x/y/test.csv",
    }
    assert find(tmp_path).origin == "data/some-competition.zip"


def test_csv_files_win_over_a_zip_beside_them(tmp_path: Path) -> None:
    put(tmp_path / "data", *BOTH, "digit-recognizer.zip")
    assert found(tmp_path) == {"train": "data/train.csv", "test": "data/test.csv"}


@pytest.mark.parametrize(
    ("content", "notice"),
    [
        (zipped(), ""),  # what the files were unpacked from
        (zipped("models.csv"), ""),
        (zipped(size=3), UNREAD),
        (zipped()[:-9], UNREAD),
    ],
    ids=["the same", "another matter", "other sizes", "damaged"],
)
def test_a_zip_that_could_be_meant_in_place_of_the_csv_files_is_reported_as_long_as_it_lies_there(
    tmp_path: Path, content: bytes, notice: str
) -> None:
    put(tmp_path / "data", *BOTH)
    (tmp_path / "data/b.zip").write_bytes(content)
    sources = find(tmp_path)
    assert (sources.origin, sources.notice) == ("data/train.csv", notice)
    assert not find(tmp_path, train="data/train.csv", test="data/test.csv").notice
    (tmp_path / "data/b.zip").unlink()
    assert not find(tmp_path).notice


def test_among_zips_the_one_that_holds_both_is_meant(tmp_path: Path) -> None:
    put(tmp_path / "data", "a.zip", "b.zip")
    (tmp_path / "data/a.zip").write_bytes(zipped("notes.txt"))
    assert found(tmp_path)["train"] == "data/b.zip:train.csv"


def test_configured_paths_win_and_bring_the_sample_submission_beside_the_test_set(tmp_path: Path) -> None:
    put(tmp_path / "data", *ALL)
    put(tmp_path / "mine", "a.csv", "b.csv")
    assert found(tmp_path, train="mine/a.csv", test="mine/b.csv") == {"train": "mine/a.csv", "test": "mine/b.csv"}
    assert found(tmp_path, train="mine/a.csv") == {
        "train": "mine/a.csv",
        "test": "data/test.csv",
        "sample_submission": "data/sample_submission.csv",
    }


def test_a_configured_archive_wins_over_data(tmp_path: Path) -> None:
    put(tmp_path / "data", *ALL)
    put(tmp_path, "mine.zip")
    assert found(tmp_path, archive="mine.zip") == {
        "train": "mine.zip:train.csv",
        "test": "mine.zip:test.csv",
        "sample_submission": "mine.zip:sample_submission.csv",
    }


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    put(tmp_path / "mine", *BOTH)
    sources = find(tmp_path / "elsewhere", train=str(tmp_path / "mine/train.csv"), test=str(tmp_path / "mine/test.csv"))
    assert sources.origin == str(tmp_path / "mine/train.csv")


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train", "test", "archive", "sample_submission"])
def test_a_configured_path_that_does_not_exist_is_an_error_never_the_sample(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"ingest\.{name} is set to 'gone\.csv'"):
        find(tmp_path, **{name: "gone.csv"})
    with pytest.raises(ConfigError, match=rf"ingest\.{name} is set to '', and there is no such file"):
        find(tmp_path, **{name: ""})


@pytest.mark.parametrize(("present", "missing"), [BOTH, BOTH[::-1]])
def test_one_file_without_the_other_is_an_error(tmp_path: Path, present: str, missing: str) -> None:
    put(tmp_path / "data", present)
    with pytest.raises(DataError, match=f"no {missing}"):
        find(tmp_path)


def test_a_configured_file_without_the_other_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, "mine.csv")
    with pytest.raises(ConfigError, match=r"ingest\.train is set, but there is no test set"):
        find(tmp_path, train="mine.csv")


def test_a_sample_submission_alone_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, "mine.csv")
    with pytest.raises(ConfigError, match="no data that it belongs to"):
        find(tmp_path, sample_submission="mine.csv")


def test_two_spellings_of_one_file_are_an_error(tmp_path: Path) -> None:
    put(tmp_path / "data", *BOTH, "train.csv.gz")
    with pytest.raises(DataError, match=r"both train\.csv and train\.csv\.gz"):
        find(tmp_path)


def test_two_zips_that_could_be_meant_are_an_error(tmp_path: Path) -> None:
    put(tmp_path / "data", "a.zip", "b.zip")
    with pytest.raises(DataError, match="2 of the 2 zips in data/ hold both") as error:
        find(tmp_path)
    assert "ingest.archive" in error.value.hint


def test_a_broken_link_is_an_error_never_the_sample(tmp_path: Path) -> None:
    put(tmp_path / "data", "test.csv")
    (tmp_path / "data/train.csv").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"train\.csv is a link to nothing"):
        find(tmp_path)
    (tmp_path / "data/train.csv").unlink()
    (tmp_path / "data/train.csv").symlink_to("train.csv")
    with pytest.raises(DataError, match=r"train\.csv is a link that leads back to itself"):
        find(tmp_path)


def test_a_folder_and_a_pipe_are_refused_without_opening_them(tmp_path: Path) -> None:
    put(tmp_path / "data", "test.csv")
    (tmp_path / "data/train.csv").mkdir()
    with pytest.raises(DataError, match=r"train\.csv is a folder"):
        find(tmp_path)
    (tmp_path / "data/train.csv").rmdir()
    os.mkfifo(tmp_path / "data/train.csv")
    with pytest.raises(DataError, match=r"train\.csv is a pipe"):
        find(tmp_path)


def test_a_folder_in_place_of_a_set_file_is_told_with_the_file_that_may_be_meant(tmp_path: Path) -> None:
    put(tmp_path / "raw", *BOTH)
    with pytest.raises(DataError, match=r"ingest\.train is set to 'raw', which is a folder") as error:
        find(tmp_path, train="raw", test="raw")
    assert error.value.hint.endswith("as raw/train.csv")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "data", *BOTH)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "test.csv" or mode != os.R_OK)  # root may
    with pytest.raises(DataError, match=r"test\.csv may not be read") as error:
        find(tmp_path)
    assert "chmod" in error.value.hint


def test_a_data_that_is_a_file_is_refused_unless_other_paths_are_set(tmp_path: Path) -> None:
    put(tmp_path, "data", *BOTH)
    with pytest.raises(DataError, match="data is not a folder"):
        find(tmp_path)
    assert find(tmp_path, train="train.csv", test="test.csv").origin == "train.csv"


def test_a_path_below_a_home_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(path: Path) -> Path:
        raise RuntimeError(f"Could not determine home directory of {path}")

    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(ConfigError, match=r"ingest\.train is '~/x\.csv', and there is no such home folder"):
        find(tmp_path, train="~/x.csv")


def test_the_home_of_an_unknown_user_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'~no-such-user/x\.csv', and there is no such home folder"):
        find(tmp_path, archive="~no-such-user/x.csv")


# --- the sample submission -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["none", None])
def test_the_sample_submission_can_be_left_out(tmp_path: Path, setting: str | None) -> None:
    put(tmp_path / "data", *ALL)
    assert "sample_submission" in found(tmp_path)
    assert "sample_submission" not in found(tmp_path, sample_submission=setting)


def test_the_bundled_sample_is_read_whether_or_not_a_sample_submission_is_wanted(tmp_path: Path) -> None:
    assert find(tmp_path, sample_submission="none").origin == SAMPLE_ORIGIN


# --- the note about test images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["in the zip", "in its folder", "beside the files"])
def test_the_note_about_test_images_is_found_where_the_training_set_is(tmp_path: Path, place: str) -> None:
    data = tmp_path / "data"
    put(data, "other.txt")
    assert NOTE not in str(find(tmp_path).files)
    if place == "beside the files":
        put(data, *BOTH, NOTE)
    else:
        folder = "mnist/" if place == "in its folder" else ""
        (data / "any.zip").write_bytes(zipped(*(folder + name for name in (*ALL, NOTE))))
    sources = find(tmp_path)
    assert sources["test_images"].path.parent == data
    assert "TEST IMAGES of Kaggle" in sources.notice


def test_a_note_elsewhere_says_nothing_of_the_training_set(tmp_path: Path) -> None:
    put(tmp_path / "data", *BOTH)
    put(tmp_path / "other", *BOTH, NOTE)
    assert find(tmp_path).get("test_images") is None
    assert find(tmp_path).notice == ""
    assert find(tmp_path, train="other/train.csv").get("test_images") is not None


def test_the_note_and_a_zip_that_is_not_read_are_both_told(tmp_path: Path) -> None:
    put(tmp_path / "data", *BOTH, NOTE)
    (tmp_path / "data/digit-recognizer.zip").write_bytes(zipped(size=9))
    notice = find(tmp_path).notice
    assert "TEST IMAGES" in notice
    assert "digit-recognizer.zip in data/ is not read" in notice


# --- weight ----------------------------------------------------------------------------------------------------------


def test_finding_the_sources_imports_nothing_heavy(tmp_path: Path) -> None:
    put(tmp_path / "data", "digit-recognizer.zip")
    code = (
        "import sys; from pathlib import Path; from stages.ingest.sources.find import find_sources; "
        "from stages.ingest.parameters import IngestParameters; find_sources(IngestParameters(), Path(sys.argv[1])); "
        "print(*{'numpy', 'pandas', 'pandera', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
