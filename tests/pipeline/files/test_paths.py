"""Paths as a person writes them, which may begin with a home folder; and what stands there in the place of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.errors import ConfigError
from pipeline.files.paths import broken_link, from_home, require_folder_or_nothing
from stages.sample import SAMPLE_FOLDER

UNKNOWN = "~nobody-of-that-name/file"
WRITING = {
    "predict": ("predict", str(SAMPLE_FOLDER / "test.csv.gz"), "--output", f"{UNKNOWN}.csv"),
    "sweep": ("sweep", "--grid", "train.epochs=1", "--output", f"{UNKNOWN}.toml"),
    "submission": ("run", "submit", "--submission", f"{UNKNOWN}.csv"),
    "suspects": ("suspects", "--output", f"{UNKNOWN}.csv"),
    "model": ("model", "--export", f"{UNKNOWN}.onnx"),
    "answers": ("score", "--answers", f"{UNKNOWN}.csv"),
    "picture": ("predict", f"{UNKNOWN}.png"),
    "setting": ("status", "--set", f"ingest.train={UNKNOWN}.csv"),
    "archive": ("status", "--set", f"ingest.archive={UNKNOWN}.zip"),
}


def test_the_home_folder_takes_the_place_of_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert from_home("~/a.csv", Path("elsewhere"), "it") == tmp_path / "a.csv"
    assert from_home("a~.csv", Path("elsewhere"), "it") == Path("elsewhere/a~.csv")


def test_a_home_folder_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"--output is '~nobody-of-that-name/file', and there is no such home folder"):
        from_home(UNKNOWN, Path(), "--output")


@pytest.mark.parametrize("words", WRITING.values(), ids=WRITING)
def test_every_path_on_the_command_line_may_begin_so(sample_run: Path, words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*words, "-C", str(sample_run)])
    assert result.exit_code == 2, result.output
    assert "should not have happened" not in result.stderr
    assert "no such home folder" in result.stderr


def test_a_link_that_leads_nowhere_is_told_from_one_that_leads_back_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nothing")
    (tmp_path / "good").symlink_to(tmp_path)
    found = {name: (broken_link(tmp_path / name) or [""])[0] for name in ("loop", "gone", "good", "nothing")}
    assert found == {
        "loop": "is a link that leads back to itself",
        "gone": "is a link to nothing",
        "good": "",
        "nothing": "",
    }
    for name in ("good", "nothing"):
        require_folder_or_nothing(tmp_path / name)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (None, "artifacts is a file, not a folder"),
        ("nothing", "artifacts is a link to nothing"),
        ("artifacts", "artifacts is a link that leads back to itself"),
    ],
)
def test_every_command_says_what_stands_in_the_place_of_the_artifacts_folder(
    tmp_path: Path, target: str | None, told: str
) -> None:
    if target:
        (tmp_path / "artifacts").symlink_to(target)
    else:
        (tmp_path / "artifacts").write_text("")
    picture = str(SAMPLE_FOLDER / "test.csv.gz")
    for words in (["status"], ["runs"], ["run", "all"], ["predict", picture], ["clean"], ["verify"]):
        result = CliRunner().invoke(main, [*words, "-C", str(tmp_path)])
        assert (result.exit_code, result.stderr.splitlines()[0]) == (1, f"error: {told}"), words
