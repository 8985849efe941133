"""`pipeline fetch`, with a program in Kaggle's place that does what it is told."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from calling import call
from made_kaggle import Kaggle
from made_mirror import zipped

fetch = partial(call, "fetch")


GOOD = zipped(train="label,pixel0\n1,2\n", test="pixel0\n3\n", sample_submission="ImageId,Label\n1,0\n")


def files(work: Path) -> dict[str, bytes]:
    return {str(path.relative_to(work)): path.read_bytes() for path in work.rglob("*") if path.is_file()}


def test_the_zip_is_put_into_data_and_nothing_else(kaggle: Kaggle, work: Path) -> None:
    kaggle.set(served=GOOD)
    result = fetch(work)
    assert files(work) == {"data/digit-recognizer.zip": GOOD}
    assert [path.name for path in (work / "data").iterdir()] == ["digit-recognizer.zip"]
    assert [words[:4] for words in kaggle.calls] == [["competitions", "download", "digit-recognizer", "-p"]]
    assert f"next: pipeline -C {work} run all" in result.stdout


def test_what_a_killed_download_left_is_removed(kaggle: Kaggle, work: Path) -> None:
    left = work / "data" / f".fetch-{'0' * 32}"
    kaggle.set(served=GOOD)
    for words in ((), (), ("--force",)):  # it is downloaded, found there, and downloaded again
        left.mkdir(parents=True)
        (left / "half.zip").write_bytes(GOOD[:50])
        fetch(work, *words)
        assert not left.exists()
        assert files(work) == {"data/digit-recognizer.zip": GOOD}


def test_another_competition_is_named(kaggle: Kaggle, work: Path) -> None:
    kaggle.set(served=GOOD)
    document = json.loads(fetch(work, "Kannada-MNIST", "--json").stdout)
    assert document == {
        "path": str(work / "data/Kannada-MNIST.zip"),
        "downloaded": True,
        "bytes": len(GOOD),
        "files": ["train.csv", "test.csv", "sample_submission.csv"],
        "usable": True,
        "holds_test_images": False,
        "answers": None,
    }


def test_an_existing_zip_is_kept_without_force(kaggle: Kaggle, work: Path) -> None:
    (work / "data").mkdir()
    older = zipped(train="older", test="older")
    (work / "data/digit-recognizer.zip").write_bytes(older)
    kaggle.set(served=GOOD)
    assert "is there already" in fetch(work).stdout
    assert kaggle.calls == []
    assert files(work)["data/digit-recognizer.zip"] == older
    fetch(work, "--force")
    assert files(work) == {"data/digit-recognizer.zip": GOOD}


REFUSALS = [
    ("404 Client Error: Not Found for url: https://www.kaggle.com/api/v1", "no competition 'digit-recognizer'"),
    ("Max retries exceeded with url: /api/v1 (Temporary failure in name resolution)", "name resolution"),
    ("", "exit code 1"),
]


@pytest.mark.parametrize(("says", "message"), REFUSALS)
def test_a_refusal_says_what_to_do_and_changes_nothing(kaggle: Kaggle, work: Path, says: str, message: str) -> None:
    (work / "data").mkdir()
    (work / "data/digit-recognizer.zip").write_bytes(GOOD)
    kaggle.set(says=says, code=1)
    stderr = fetch(work, "--force", code=1).stderr
    assert message in stderr
    assert stderr.count("error:") == 1
    assert "hint:" in stderr
    assert files(work) == {"data/digit-recognizer.zip": GOOD}


@pytest.mark.parametrize("served", [GOOD[:-30], b"<html>please sign in</html>", b""], ids=["half", "page", "empty"])
@pytest.mark.parametrize("before", [GOOD, None], ids=["there", "new"])
def test_a_damaged_zip_is_never_put_into_data(kaggle: Kaggle, work: Path, served: bytes, before: bytes | None) -> None:
    (work / "data").mkdir()
    if before:
        (work / "data/digit-recognizer.zip").write_bytes(before)
    kaggle.set(served=served)
    assert "damaged" in fetch(work, "--force", code=1).stderr
    assert files(work) == ({"data/digit-recognizer.zip": before} if before else {})


def test_a_flipped_byte_in_a_member_is_found(kaggle: Kaggle, work: Path) -> None:
    data = bytearray(zipped(train="label,pixel0\n" + "1,2\n" * 500, test="pixel0\n"))
    data[50] ^= 0xFF
    kaggle.set(served=bytes(data))
    assert "damaged" in fetch(work, code=1).stderr
    assert files(work) == {}


def test_a_program_that_succeeds_without_a_zip_is_an_error(kaggle: Kaggle, work: Path) -> None:
    kaggle.set(says="digit-recognizer.zip: Skipping, found more recently modified local copy")
    assert "downloaded nothing" in fetch(work, code=1).stderr
    assert not (work / "data").exists()  # a folder that was made in vain


def test_without_the_program_the_ways_to_get_it_are_named(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(work))
    monkeypatch.setattr(sys, "executable", str(work / "python"))
    stderr = fetch(work, code=2).stderr
    assert "python -m pip install kaggle six" in stderr
    assert files(work) == {}


def test_the_program_is_found_beside_this_python(kaggle: Kaggle, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kaggle.set(served=GOOD)
    monkeypatch.setenv("PATH", str(work))
    monkeypatch.setattr(sys, "executable", str(kaggle.folder / "python"))
    fetch(work)
    assert files(work) == {"data/digit-recognizer.zip": GOOD}


@pytest.mark.parametrize("name", ["../up", "a b", "https://www.kaggle.com/c/digit-recognizer", "-p"])
def test_an_invalid_name_is_refused(kaggle: Kaggle, work: Path, name: str) -> None:
    fetch(work, "--", name, code=2) if name.startswith("-") else fetch(work, name, code=2)
    assert kaggle.calls == []


def test_other_files_in_data_that_hide_the_zip_are_reported(kaggle: Kaggle, work: Path) -> None:
    (work / "data").mkdir()
    (work / "data/train.csv").write_text("label,pixel0\n")
    kaggle.set(served=GOOD)
    told = fetch(work)
    assert "warning: there is train.csv, but no test.csv" in told.stderr
    assert "next: " not in told.stdout
    (work / "data/test.csv").write_text("pixel0\n")
    told = fetch(work)
    assert "digit-recognizer.zip in data/ is not read" in told.stderr
    assert f"next: pipeline -C {work} run all" in told.stdout
    (work / "pipeline.toml").write_text("[ingest]\nlabels = 3\n")
    told = fetch(work)
    assert "warning: ingest has no setting 'labels'" in told.stderr
    assert "next: " not in told.stdout
    kaggle.set(served=zipped(emnist="1,2\n"))
    stderr = fetch(work, "emnist").stderr
    assert "no train.csv and test.csv, but emnist.csv" in stderr
