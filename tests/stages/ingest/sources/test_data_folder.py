"""What lies in data/ is read if it can be, and is never passed over for the sample if it may be data."""

from __future__ import annotations

import gzip
import lzma
import os
import re
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from raw_files import ALL, BOTH, find, found, put, zipped

from pipeline.errors import DataError
from stages.ingest.sources import possible_data
from stages.ingest.sources.find import SAMPLE_ORIGIN

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


@pytest.mark.parametrize("ending", ["gz", "zip"])
def test_a_zip_of_packed_files_is_to_be_unzipped_into_data(tmp_path: Path, ending: str) -> None:
    put(tmp_path / "data", "digits.zip")
    (tmp_path / "data/digits.zip").write_bytes(zipped(*(f"{name}.{ending}" for name in BOTH)))
    with pytest.raises(DataError, match=r"digits\.zip holds no train\.csv and no test\.csv") as error:
        find(tmp_path)
    assert error.value.hint == "unzip it, and put what it holds into data/: .csv.gz and .csv.zip are read there"
    put_zips(tmp_path / "data", *BOTH)
    assert found(tmp_path)["train"] == "data/train.csv.zip:train.csv"


UNZIP = "unzip it, and set ingest.train and ingest.test to the two CSV files"
FASHION = ("fashion-mnist_train.csv", "fashion-mnist_test.csv")


@pytest.mark.parametrize(
    ("name", "members", "what", "hint"),
    [
        (
            "train.csv.zip",
            ["train.csv"],
            "no test.csv; it holds train.csv\n",
            "put test.csv.zip (or test.csv) beside it",
        ),
        (
            "digits.zip",
            ["train.csv"],
            "no test.csv; it holds train.csv\n",
            "one zip must hold both: download it again, or unzip it into data/ and put test.csv beside train.csv",
        ),
        (
            "outer.zip",
            ["competition/inner.zip"],
            "no train.csv and no test.csv; ",
            "unzip it, and put the zip that it holds (inner.zip) into data/ in its place",
        ),
        (
            "fashion.zip",
            [*FASHION, *(f"{number}.gz" for number in range(5))],
            f"it holds {', '.join(FASHION)}, 0.gz, 1.gz, 2.gz, and 2 more\n",
            f"it looks like another competition's zip ({', '.join(FASHION)}): put the right one there, or {UNZIP}",
        ),
    ],
    ids=["one of a pair", "one of both", "a zip in a zip", "other names"],
)
def test_a_zip_without_one_of_the_files_shows_what_it_holds_and_what_helps(
    tmp_path: Path, name: str, members: list[str], what: str, hint: str
) -> None:
    put(tmp_path / "data", name)
    (tmp_path / "data" / name).write_bytes(zipped(*members))
    with pytest.raises(DataError, match=re.escape(what)) as error:
        find(tmp_path)
    assert error.value.hint == hint


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
        "trainingSet/0/img_1.jpg",
        "Test/7.png",
        "7/1.png",
        "letters/a/1.jpg",
        ".digit-recognizer.zip.x7Kp2a",
        ".train.csv.part",
    ],
)
def test_a_table_under_another_name_is_never_passed_over_for_the_sample(tmp_path: Path, name: str) -> None:
    put(tmp_path / "data", name)
    with pytest.raises(DataError, match=rf"no train\.csv and test\.csv, but {re.escape(name)}\n") as error:
        find(tmp_path)
    for word in ("data/train.csv", "ingest.train", "ingest.test", "ingest.archive"):
        assert word in error.value.hint


def tarred() -> bytes:
    """A tape archive of one file."""
    file = BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("train.csv"))
    return file.getvalue()


HEADER = ",".join(["label", *(f"pixel{number}" for number in range(784))])
ROW = ",".join(["5"] * 785)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("digit-recognizer", zipped()),
        ("download", gzip.compress(b"a")),
        ("mnist.train", lzma.compress(b"a")),
        ("digits", tarred()),
        ("digits.txt", f"{HEADER}\n".encode()),
        ("digits.txt", f"{ROW}\n".encode()),
        ("digits.txt", ROW.replace(",", " ").encode()),
        ("digits.txt", f"{HEADER}\n{ROW}\n".encode("utf-16")),
        ("zip.all", b"6.0000 " + b"-1.0000 0.6310 " * 9),
        ("images", b"\0\0\x08\x03\0\0\xea\x60"),
        ("mnist.scale", b"5 " + b" ".join(b"%d:0.0117" % number for number in range(153, 173))),
        ("digits", b"ARROW1\0\0"),
        ("digits.tab.Z", b"\x1f\x9d\x90"),
        ("a1a", b"-1 " + b"3:1 11:1 14:1 19:1 " * 5 + b"\n+1 5:1\n"),
        ("mnist.scale", b"5 " + b" ".join(b"%d:0.011764705882352941" % pixel for pixel in range(153, 180))),
        ("digits.txt", b"1.170000000000000000e+02 " * 64),  # as numpy.savetxt writes
        ("digits.txt", b"   0  12 255" * 28),
        ("digits.txt", b"5|0|128|255|0" * 28),
        ("mnist.scale", b"5 153:0.0117 154:0.07\n"),
        ("mnist.scale", b"# as libsvm writes\r\n-1.0 3:1 4:2.5e-2 \r\n"),
        ("trainingDigits/0_13.txt", b"00000000000001111000000000000000\r\n" * 32),
    ],
    ids=range(21),
)
def test_a_file_whose_name_says_nothing_is_judged_by_how_it_begins(tmp_path: Path, name: str, content: bytes) -> None:
    put(tmp_path / "data", name)
    (tmp_path / "data" / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"no train\.csv and test\.csv, but {re.escape(name)}\n"):
        find(tmp_path)


def test_what_begins_as_prose_or_cannot_be_opened_is_no_data(tmp_path: Path) -> None:
    put(tmp_path / "data", "notes.txt", "LICENSE", "run.sh", "secret")
    (tmp_path / "data/notes.txt").write_text("Seen in 2024, 2025 and 2026: one, two, three, four.\n" * 99)
    (tmp_path / "data/run.sh").write_text("2026-11-27 10:30 11:45\n5 of 8:30 and 9:30\n7 10:30\n")
    (tmp_path / "data/LICENSE").write_text("Permission is hereby granted, free of charge, to any person obtaining ...")
    os.mkfifo(tmp_path / "data/pipe")
    (tmp_path / "data/nowhere").symlink_to("nothing")
    (tmp_path / "data/secret").chmod(0)
    assert find(tmp_path).origin == SAMPLE_ORIGIN


@pytest.mark.parametrize(
    ("names", "what", "hint"),
    [
        (["a.zip.part"], "but a.zip.part\n", "let the download finish, or repeat it; "),
        (["test.csv", "train.csv.xz"], "no train.csv, only train.csv.xz", "unpack train.csv.xz; "),
        (["test.csv", "a.csv"], "no train.csv, only a.csv", "rename a.csv to train.csv if it is the train set; "),
        (["test.parquet", "train.libsvm"], "but test.parquet", "export test.parquet, train.libsvm as CSV; "),
        (["train.xlsx"], "but train.xlsx\n", "export train.xlsx as CSV; "),
        (["train-images-idx3-ubyte"], "ubyte\n", "make a CSV of the IDX files, with a row of pixels for each image; "),
        (["train/0/1.png"], "1.png\n", "make a CSV of the pictures, with a row of pixels for each image; "),
    ],
    ids=str,
)
def test_what_cannot_be_read_as_it_is_is_to_be_mended(tmp_path: Path, names: list[str], what: str, hint: str) -> None:
    put(tmp_path / "data", *names)
    with pytest.raises(DataError, match=re.escape(what)) as error:
        find(tmp_path)
    assert error.value.hint.startswith(f"{hint}a run reads .csv, .csv.gz, .csv.zip, and")


def test_folders_that_link_to_each_other_are_looked_through_once(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "train.csv")
    (tmp_path / "data/a").mkdir(parents=True)
    (tmp_path / "data/a/back").symlink_to(tmp_path / "data")
    assert find(tmp_path).origin == SAMPLE_ORIGIN
    (tmp_path / "data/a/there").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"but a/there/train\.csv\n"):
        find(tmp_path)


def test_answers_are_no_data_and_what_lies_elsewhere_under_that_name_may_be(tmp_path: Path) -> None:
    put(tmp_path / "data/answers", "mnist.csv")
    assert find(tmp_path).origin == SAMPLE_ORIGIN
    put(tmp_path / "data/other/answers", "mnist.csv")
    with pytest.raises(DataError, match=r"but other/answers/mnist\.csv"):
        find(tmp_path)


def test_a_folder_of_too_many_files_is_no_reason_to_take_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(possible_data, "MOST_ENTRIES", 10)
    put(tmp_path / "data", *(f"pictures/{number}.png" for number in range(11)))
    with pytest.raises(DataError, match="over 10 files"):
        find(tmp_path)


def test_of_many_tables_under_other_names_five_are_shown(tmp_path: Path) -> None:
    put(tmp_path / "data", *(f"{number}.csv" for number in range(8)))
    with pytest.raises(DataError, match=r"but 0\.csv, 1\.csv, 2\.csv, 3\.csv, 4\.csv, and 3 more\n"):
        find(tmp_path)


def test_what_is_no_table_leaves_the_sample_in_place(tmp_path: Path) -> None:
    put(tmp_path / "data", "README.md", ".hidden.csv", ".folder/train.csv", "notes.txt", "pictures/7.png")
    assert find(tmp_path).origin == SAMPLE_ORIGIN


def test_a_zip_for_each_file_under_other_names_is_to_be_renamed_or_unzipped(tmp_path: Path) -> None:
    put(tmp_path / "data", "a_test.zip", "a_train.zip")
    for name in BOTH:
        (tmp_path / f"data/a_{name.removesuffix('.csv')}.zip").write_bytes(zipped(name))
    with pytest.raises(DataError, match=r"none of the 2 zips .*: a_test\.zip, a_train\.zip") as error:
        find(tmp_path)
    assert error.value.hint.startswith("name one for each file train.csv.zip and test.csv.zip, or unzip them")


@pytest.mark.parametrize("name", ["train.csv", "test.csv.gz", "other.zip", "train.csv.zip"])
@pytest.mark.parametrize("target", ["itself", "a" * 300], ids=["loop", "too long"])
def test_a_link_that_cannot_be_followed_is_reported(tmp_path: Path, name: str, target: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).symlink_to(name if target == "itself" else target)
    with pytest.raises(DataError):
        find(tmp_path)


@pytest.mark.parametrize(
    ("target", "told"),
    [("gone", "to nothing"), ("a" * 300, "to nothing"), ("data", "that leads back to itself")],
    ids=["gone", "too long", "itself"],
)
def test_a_data_folder_that_is_a_link_to_nowhere_is_reported(tmp_path: Path, target: str, told: str) -> None:
    (tmp_path / "data").symlink_to(target)
    with pytest.raises(DataError, match=f"data is a link {told}"):
        find(tmp_path)


def test_a_data_folder_that_is_a_link_to_a_file_is_reported(tmp_path: Path) -> None:
    put(tmp_path, "train.csv")
    (tmp_path / "data").symlink_to("train.csv")
    with pytest.raises(DataError, match="data is not a folder"):
        find(tmp_path)
