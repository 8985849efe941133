"""Where the raw files are looked for, in which order, and what is refused before a byte of data is read."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.stage import Sources
from stages.ingest.parameters import IngestParameters
from stages.ingest.sources import data_folder
from stages.ingest.sources import zip_files as archive
from stages.ingest.sources.find import SAMPLE_ORIGIN, find_sources
from stages.sample import SAMPLE_FOLDER

BOTH = ("train.csv", "test.csv")
ALL = (*BOTH, "sample_submission.csv")
UNREAD = "b.zip in data/ is not read: train.csv and test.csv lie beside it."


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zipped() if name.endswith(".zip") else b"a\n")


def zipped(*names: str, size: int = 2, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of doubled names
        for name in names or ALL:
            file.writestr(name, "a\n".zfill(size))
    return buffer.getvalue()


def find(folder: Path, **settings: Any) -> Sources:
    return find_sources(IngestParameters(**settings), folder)


def found(folder: Path, **settings: Any) -> dict[str, str]:
    """Each file's path below ``folder``, with its member in a zip."""
    return {
        file.name: file.path.relative_to(folder).as_posix() + (f":{file.member}" if file.member else "")
        for file in find(folder, **settings).files
    }


# --- the order -------------------------------------------------------------------------------------------------------


def test_with_nothing_there_the_sample_is_used_and_said_loudly(tmp_path: Path) -> None:
    sources = find(tmp_path)
    assert sources.origin == SAMPLE_ORIGIN
    assert "BUNDLED SAMPLE" in sources.notice
    assert max(len(line) for line in sources.notice.splitlines()) <= 76
    assert len(sources.notice.splitlines()) <= 3
    assert [file.path for file in sources.files] == [SAMPLE_FOLDER / "train.csv.gz", SAMPLE_FOLDER / "test.csv.gz"]


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
def test_a_zip_that_could_be_meant_in_place_of_the_csv_files_is_told_as_long_as_it_lies_there(
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
    with pytest.raises(DataError, match="2 hold both") as error:
        find(tmp_path)
    assert "ingest.archive" in error.value.hint


def test_a_broken_link_is_an_error_never_the_sample(tmp_path: Path) -> None:
    put(tmp_path / "data", "test.csv")
    (tmp_path / "data/train.csv").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"train\.csv cannot be read"):
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


def test_the_home_of_nobody_that_is_known_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'~no-such-user/x\.csv', and there is no such home folder"):
        find(tmp_path, archive="~no-such-user/x.csv")


# --- a zip for each file ---------------------------------------------------------------------------------------------


def put_zips(folder: Path, *names: str) -> None:
    put(folder, *(f"{name}.zip" for name in names))
    for name in names:
        (folder / f"{name}.zip").write_bytes(zipped(name))


def test_a_zip_for_each_file_is_read_as_kaggles_program_leaves_them(tmp_path: Path) -> None:
    put_zips(tmp_path / "data", *ALL)
    assert found(tmp_path) == {
        "train": "data/train.csv.zip:train.csv",
        "test": "data/test.csv.zip:test.csv",
        "sample_submission": "data/sample_submission.csv.zip:sample_submission.csv",
    }
    assert find(tmp_path).notice == ""


def test_a_plain_file_wins_over_its_own_zip_and_may_stand_beside_the_others(tmp_path: Path) -> None:
    put_zips(tmp_path / "data", *BOTH)
    put(tmp_path / "data", "train.csv")
    assert found(tmp_path) == {"train": "data/train.csv", "test": "data/test.csv.zip:test.csv"}
    assert find(tmp_path).notice == ""
    (tmp_path / "data/train.csv").write_text("something else\n")
    assert "train.csv.zip in data/ is not read" in find(tmp_path).notice


def test_a_configured_zip_is_read_by_its_member_or_its_only_one(tmp_path: Path) -> None:
    put_zips(tmp_path / "elsewhere", *ALL)
    (tmp_path / "one.zip").write_bytes(zipped("folder/letters.csv"))
    settings = {"train": "one.zip", "test": "elsewhere/test.csv.zip"}
    assert found(tmp_path, **settings) == {
        "train": "one.zip:folder/letters.csv",
        "test": "elsewhere/test.csv.zip:test.csv",
        "sample_submission": "elsewhere/sample_submission.csv.zip:sample_submission.csv",
    }
    (tmp_path / "one.zip").write_bytes(zipped("a.csv", "b.csv"))
    with pytest.raises(DataError, match=r"the zip one\.zip holds no train\.csv; it holds a\.csv, b\.csv"):
        find(tmp_path, **settings)


def test_a_zip_that_is_called_as_one_file_and_holds_both_is_the_competitions(tmp_path: Path) -> None:
    put(tmp_path / "data", "train.csv.zip")
    assert found(tmp_path)["test"] == "data/train.csv.zip:test.csv"


# --- the sample submission -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["none", None])
def test_the_sample_submission_can_be_left_out(tmp_path: Path, setting: str | None) -> None:
    put(tmp_path / "data", *ALL)
    assert "sample_submission" in found(tmp_path)
    assert "sample_submission" not in found(tmp_path, sample_submission=setting)


def test_the_bundled_sample_is_read_whether_or_not_a_sample_submission_is_wanted(tmp_path: Path) -> None:
    assert find(tmp_path, sample_submission="none").origin == SAMPLE_ORIGIN


# --- files that lie in data/ under other names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Train.csv",
        "mnist_train.csv.gz",
        "digit-recognizer.ZIP",
        "digit-recognizer/train.csv",
        "folder/some.zip",
        "sample_submission.csv",
        "folder.zip/train.csv",
        "train.csv.xz",
        "train.7z",
        "raw/digit-recognizer/train.csv",
        "a/b/c/d/test.npz",
        "digit-recognizer.zip.part",
        "digit-recognizer.zip.crdownload",
        "train.csv (1)",
        "train.csv.1",
        "train",
        "TEST.txt",
        "t10k-images-idx3-ubyte",
        "mnist.parquet",
        "optdigits.tra",
    ],
)
def test_a_table_under_another_name_is_never_passed_over_for_the_sample(tmp_path: Path, name: str) -> None:
    put(tmp_path / "data", name)
    with pytest.raises(DataError, match=rf"no train\.csv and test\.csv, but {re.escape(name)}\n") as error:
        find(tmp_path)
    for word in ("data/train.csv", "ingest.train", "ingest.test", "ingest.archive"):
        assert word in error.value.hint


def test_a_download_that_is_not_finished_is_to_be_finished(tmp_path: Path) -> None:
    put(tmp_path / "data", "digit-recognizer.zip.part")
    with pytest.raises(DataError) as error:
        find(tmp_path)
    assert error.value.hint.startswith(
        "let the download finish, or repeat it; a run reads .csv, .csv.gz, .csv.zip, and"
    )


def test_half_of_the_files_names_what_lies_there_in_place_of_the_other(tmp_path: Path) -> None:
    put(tmp_path / "data", "test.csv", "train.csv.xz")
    with pytest.raises(DataError, match=r"there is test\.csv, but no train\.csv, only train\.csv\.xz") as error:
        find(tmp_path)
    assert error.value.hint.startswith("a run reads .csv, .csv.gz, .csv.zip, and")


def test_folders_that_link_to_each_other_are_looked_through_once(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "train.csv")
    (tmp_path / "data/a").mkdir(parents=True)
    (tmp_path / "data/a/back").symlink_to(tmp_path / "data")
    assert find(tmp_path).origin == SAMPLE_ORIGIN
    (tmp_path / "data/a/there").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"but a/there/train\.csv\n"):
        find(tmp_path)


def test_a_folder_of_too_many_files_is_no_reason_to_take_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_folder, "MOST_ENTRIES", 10)
    put(tmp_path / "data", *(f"pictures/{number}.png" for number in range(11)))
    with pytest.raises(DataError, match="over 10 files"):
        find(tmp_path)


def test_of_many_tables_under_other_names_five_are_shown(tmp_path: Path) -> None:
    put(tmp_path / "data", *(f"{number}.csv" for number in range(8)))
    with pytest.raises(DataError, match=r"but 0\.csv, 1\.csv, 2\.csv, 3\.csv, 4\.csv and 3 more\n"):
        find(tmp_path)


def test_what_is_no_table_leaves_the_sample_in_place(tmp_path: Path) -> None:
    put(tmp_path / "data", "README.md", ".hidden.csv", ".folder/train.csv", "notes.txt", "pictures/7.png")
    assert find(tmp_path).origin == SAMPLE_ORIGIN


def test_a_zip_under_other_names_shows_what_it_holds(tmp_path: Path) -> None:
    put(tmp_path / "data", "fashion.zip")
    members = ["fashion-mnist_train.csv", "fashion-mnist_test.csv", *(f"{number}.gz" for number in range(5))]
    (tmp_path / "data/fashion.zip").write_bytes(zipped(*members))
    with pytest.raises(DataError, match=r"holds fashion-mnist_train\.csv, fashion-mnist_test\.csv, .* and 2") as error:
        find(tmp_path)
    assert error.value.hint == (
        "it looks like another competition's zip (fashion-mnist_train.csv, fashion-mnist_test.csv): put the right one "
        "there, or unzip it, and set ingest.train and ingest.test to the two CSV files"
    )


def test_a_zip_for_each_file_under_other_names_is_to_be_renamed_or_unzipped(tmp_path: Path) -> None:
    put(tmp_path / "data", "a_test.zip", "a_train.zip")
    for name in BOTH:
        (tmp_path / f"data/a_{name.removesuffix('.csv')}.zip").write_bytes(zipped(name))
    with pytest.raises(DataError, match=r"none of the 2 zips .*: a_test\.zip, a_train\.zip") as error:
        find(tmp_path)
    assert error.value.hint.startswith("name one for each file train.csv.zip and test.csv.zip, or unzip them")


# --- zips that lie ---------------------------------------------------------------------------------------------------


def encrypted() -> bytes:
    content = bytearray(zipped())
    for header, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + offset] |= 1
    return bytes(content)


def link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo("train.csv")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        file.writestr(info, "/etc/passwd")
        file.writestr("test.csv", "a\n")
    return buffer.getvalue()


BAD_ZIPS = {
    "no zip": (b"nothing of the kind", r"a\.zip is not a zip"),
    "a web page": (b"\n<!DOCTYPE html><html></html>", r"a\.zip is a web page"),
    "cut off": (zipped()[:-30], r"a\.zip begins as a zip does, but is cut off"),
    "empty": (b"", r"a\.zip is empty"),
    "without test.csv": (zipped("train.csv"), r"holds no test\.csv"),
    "without either": (zipped("a.txt"), r"holds no train\.csv and no test\.csv; it holds a\.txt\n"),
    "two train.csv": (zipped(*BOTH, "b/train.csv"), r"holds train\.csv twice"),
    "the same name twice": (zipped(*BOTH, "train.csv"), r"holds train\.csv twice"),
    "climbs out": (zipped(*BOTH, "../../etc/cron.d/x"), "leads out of the folder"),
    "climbs out the Windows way": (zipped(*BOTH, "..\\x"), "leads out of the folder"),
    "absolute": (zipped(*BOTH, "/etc/x"), "leads out of the folder"),
    "password": (encrypted(), "password"),
    "link": (link(), "is a link"),
}


@pytest.mark.parametrize(("content", "what"), BAD_ZIPS.values(), ids=BAD_ZIPS.keys())
def test_a_zip_that_lies_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    put(tmp_path / "data", "a.zip")
    (tmp_path / "data/a.zip").write_bytes(content)
    with pytest.raises(DataError, match=what) as error:
        find(tmp_path)
    assert error.value.hint
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "data"]


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED_BYTES", 100_000)
    put(tmp_path, "bomb.zip")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("test.csv", "a\n")
        file.writestr("train.csv", "0,0,0\n" * 200_000)
    with pytest.raises(DataError, match="more than 200 times"):
        find(tmp_path, archive="bomb.zip")


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
