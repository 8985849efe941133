"""What errors say beside what is wrong."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from pipeline.errors import PipelineError, failure, nearest, pip_install, refused_by_system


@pytest.mark.parametrize(
    ("python", "command"),
    [
        ("here/.venv/bin/python", ".venv/bin/python -m pip install kaggle six"),  # as a person there would type it
        ("other/bin/python", "{}/other/bin/python -m pip install kaggle six"),
        ("here/my venv/bin/python", "'my venv/bin/python' -m pip install kaggle six"),
        ("here/python", "{}/here/python -m pip install kaggle six"),  # a shell looks for a bare name elsewhere
    ],
)
def test_what_is_missing_is_installed_by_the_python_that_misses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, command: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "executable", str(tmp_path / python))
    assert pip_install("kaggle", "six") == command.format(tmp_path)


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.EMFILE, "ulimit -n"), (errno.ENFILE, "ulimit -n"), (errno.ENOMEM, "ulimit -v"), (errno.EACCES, "make it")],
)
def test_a_limit_of_the_system_is_hinted_at_and_not_the_file_that_met_it(number: int, hint: str) -> None:
    with pytest.raises(PipelineError) as told:
        raise PipelineError("a file cannot be read", hint="make it readable") from OSError(number, os.strerror(number))
    assert hint in told.value.lines()[-1]


@pytest.mark.parametrize(("number", "is_told"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, False)])
def test_the_room_on_the_disk_is_told_where_it_is_what_lacks(number: int, *, is_told: bool) -> None:
    error = failure("train", OSError(number, os.strerror(number)), lambda: "no room")
    assert ("no room" in error.places) == is_told
    assert error.what.startswith("train cannot write its results: ")


def test_a_file_that_the_system_refuses_is_told_of_and_is_no_mistake_of_ours(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("x")
    with pytest.raises(OSError, match="symbolic links") as refused:
        (tmp_path / "x").read_bytes()
    told = refused_by_system(refused.value)
    assert told
    assert told.lines()[:2] == [f"x cannot be used: {os.strerror(errno.ELOOP)}", f"  where: {tmp_path}/x"]
    assert refused_by_system(ValueError("ours")) is None


@pytest.mark.parametrize(("word", "told"), [("trian", "did you mean 'train'?"), ("nothing", "stages: ingest, train")])
def test_a_word_that_is_far_from_all_gets_the_list_and_no_guess(word: str, told: str) -> None:
    assert nearest(word, ["ingest", "train"], "stages") == told
