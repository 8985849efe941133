"""Kaggle's notebooks have a competition's files below /kaggle/input: they are found, said, and read in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from raw_files import ALL, BOTH, find, put, zipped

from pipeline.cli import main
from pipeline.errors import ConfigError, DataError
from pipeline.task import Sources
from stages.ingest.sources import kaggle_input
from stages.ingest.sources.find import SAMPLE_ORIGIN

INSTALLED = "my-wheels/digit_pipeline-0.1.0-py3-none-any.whl"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Stands for /kaggle/input, beside the folder that a notebook works in."""
    root = tmp_path / "kaggle/input"
    root.mkdir(parents=True)
    return root


def look(root: Path, **settings: Any) -> Sources:
    return find(root.parent / "working", **{"kaggle_input": str(root), **settings})


def paths(sources: Sources, root: Path) -> list[str]:
    return [file.path.relative_to(root).as_posix() + (f":{file.member}" * bool(file.member)) for file in sources.files]


@pytest.mark.parametrize(
    "folder", ["digit-recognizer", "competitions/digit-recognizer", "datasets/somebody/mnist", "a/b/c/d", "."]
)
def test_the_files_are_found_however_deep_kaggle_nests_them(root: Path, folder: str) -> None:
    put(root, INSTALLED)
    put(root / folder, *ALL)
    sources = look(root)
    assert [file.path for file in sources.files] == [root / folder / name for name in ALL]
    assert sources.origin == str(root / folder / "train.csv")
    assert sources.notice == f"Nothing lies in data/, so the files are read where they are:\n{sources.origin}"


@pytest.mark.parametrize(
    ("files", "meant"),
    [
        (["digit-recognizer.zip"], ["digit-recognizer.zip:train.csv", "digit-recognizer.zip:test.csv"]),
        (["train.csv.zip", "test.csv.zip"], ["train.csv.zip:train.csv", "test.csv.zip:test.csv"]),
        (["train.csv.gz", "test.csv"], ["train.csv.gz", "test.csv"]),
        ([*BOTH, "digit-recognizer.zip"], list(BOTH)),
    ],
    ids=["one zip", "a zip each", "gzip", "unpacked beside its zip"],
)
def test_zips_and_gzips_are_read_in_place_too(root: Path, files: list[str], meant: list[str]) -> None:
    put(root / "c", *files)
    for name in files:
        if name.endswith(".csv.zip"):
            (root / "c" / name).write_bytes(zipped(name.removesuffix(".zip")))
    assert paths(look(root, sample_submission="none"), root) == [f"c/{path}" for path in meant]


def test_what_lies_in_data_or_is_configured_comes_first(root: Path) -> None:
    put(root / "c", *BOTH)
    put(root / "d", *BOTH)
    put(root.parent / "working/mine", *BOTH)
    assert look(root, train="mine/train.csv", test="mine/test.csv").origin == "mine/train.csv"
    put(root.parent / "working/data", *BOTH)
    assert (look(root).origin, look(root).notice) == ("data/train.csv", "")


def test_something_else_in_data_is_still_an_error(root: Path) -> None:
    put(root / "c", *BOTH)
    put(root.parent / "working/data", "digits.parquet")
    with pytest.raises(DataError, match=r"data/ holds no train\.csv and test\.csv, but digits\.parquet"):
        look(root)


def test_of_several_folders_all_are_named_and_so_is_the_setting_that_chooses(root: Path) -> None:
    put(root, *(f"{folder}/{name}" for folder in ("competitions/digits", "mnist", "mnist/inner") for name in BOTH))
    with pytest.raises(DataError, match=r"2 folders below .* hold .*: mnist, competitions/digits\n") as error:
        look(root)
    assert error.value.hint == f"name the one that is meant: --set ingest.kaggle_input={root / 'mnist'}"
    chosen = look(root, kaggle_input=str(root / "mnist"))
    assert paths(chosen, root) == ["mnist/train.csv", "mnist/test.csv"]


def test_data_under_other_names_is_never_passed_over_for_the_sample(root: Path) -> None:
    put(root, "fashion/fashion-mnist_train.csv", "fashion/fashion-mnist_test.csv", "other/train.csv")
    with pytest.raises(
        DataError, match=r"holds train\.csv and test\.csv; there is fashion/fashion-mnist_test"
    ) as error:
        look(root)
    assert "set ingest.train and ingest.test" in error.value.hint
    assert look(root, kaggle_input="none").origin == SAMPLE_ORIGIN
    assert look(root, kaggle_input=None).origin == SAMPLE_ORIGIN


def test_the_samples_notice_says_in_a_notebook_how_data_is_added(root: Path) -> None:
    assert "Add Input" in look(root).notice
    assert "Add Input" not in look(root, kaggle_input="none").notice


def test_a_dry_run_says_which_files_were_found(root: Path, tmp_path: Path) -> None:
    for name in BOTH:
        put(root / "c", name)
    words = ["run", "all", "--dry-run", "--set", f"ingest.kaggle_input={root}", "-C", str(tmp_path)]
    for form in ((), ("--json",)):
        result = CliRunner().invoke(main, [*words, *form])
        assert result.exit_code == 0, result.output
        assert "the files are read where they are:\nkaggle/input/c/train.csv\n" in result.stderr


def test_a_damaged_zip_is_reported_unless_the_files_are_found_elsewhere(root: Path) -> None:
    put(root, "c/digits.zip")
    (root / "c/digits.zip").write_bytes(b"PK not a zip")
    with pytest.raises(DataError, match=r"digits\.zip"):
        look(root)
    put(root / "d", *BOTH)
    assert paths(look(root), root) == ["d/train.csv", "d/test.csv"]


@pytest.mark.parametrize("names", [[], [INSTALLED, "pictures/one.png", "a/.hidden/train.csv"]])
def test_with_nothing_there_that_may_be_data_the_sample_is_used(root: Path, names: list[str]) -> None:
    put(root, *names)
    assert look(root).origin == SAMPLE_ORIGIN


def test_a_kaggle_input_that_is_set_must_exist(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"ingest\.kaggle_input is set to '.*gone', and there is no such file"):
        look(root, kaggle_input=str(root / "gone"))
    (root / "file").write_bytes(b"")
    with pytest.raises(DataError, match="is not a folder"):
        look(root, kaggle_input=str(root / "file"))


def test_links_to_what_was_seen_add_nothing_and_masses_of_files_end_the_search(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root / "c", *BOTH)
    (root / "back").symlink_to(root.parent)
    (root / "again").symlink_to(root / "c")
    assert len(look(root).files) == 2  # not three times the same
    monkeypatch.setattr(kaggle_input, "MOST_ENTRIES", 1)
    with pytest.raises(DataError, match="over 1 files below"):
        look(root)
