"""docs/exit-codes-and-json.md: every command's JSON has the documented keys, all of them and no others."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_kaggle import Kaggle, answer

from pipeline.cli import main
from stages.sample import SAMPLE_FOLDER

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

PAGE = (Path(__file__).parents[2] / "docs/exit-codes-and-json.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
OWN_PAGE = {"sweep"}  # docs/sweep.md


def documented(section: str) -> set[tuple[str, ...]]:
    """The keys of a section, as paths: ``stages[].reasons[].text`` is ('stages', '[]', 'reasons', '[]', 'text')."""
    cells = re.findall(r"^\| (`.+?`) \|", SECTIONS[section], flags=re.MULTILINE)
    parts = (re.findall(r"\[\]|<[^>]+>|[a-z_]+", key) for cell in cells for key in cell.split(", "))
    return {tuple("<>" if part.startswith("<") else part for part in path) for path in parts}


def found(value: Any, known: set[tuple[str, ...]], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all plain values in ``value``; where ``known`` has any name, so has the path."""
    if isinstance(value, dict):
        is_open = any(each[: len(path) + 1] == (*path, "<>") for each in known)
        for key, below in value.items():
            yield from found(below, known, (*path, "<>" if is_open else key))
    elif isinstance(value, list) and any(each[: len(path) + 1] == (*path, "[]") for each in known):
        for below in value:
            yield from found(below, known, (*path, "[]"))
    else:
        yield path


def printed(folder: Path, *words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(main, [*words, "--json", "-C", str(folder)])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def check(section: str, *documents: Any) -> None:
    known = documented(section)
    seen = {path for document in documents for path in found(document, known)}
    whole = {path for path in seen if not any(path == each[: len(path)] and path != each for each in known)}
    assert sorted(whole - known) == []
    assert sorted(known - seen) == []


@pytest.fixture(scope="module")
def folder(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs on the bundled sample that differ in one setting."""
    folder = tmp_path_factory.mktemp("documented") / "project"
    shutil.copytree(sample_run, folder, symlinks=True)
    words = ["run", "all", "--set", "train.epochs=2", "--quiet", "-C", str(folder)]
    assert CliRunner().invoke(main, words).exit_code == 0
    return folder


def test_run_status_and_dry_run(folder: Path) -> None:
    plan = ("--set", "train.epochs=3")
    check("run --dry-run, status", printed(folder, "run", "all", *plan, "--dry-run"), printed(folder, "status", *plan))
    done = printed(folder, "run", "all")
    noted = printed(folder, "run", "encode", "--force")
    done["stages"][0]["warnings"].append("the sample gives no warning")
    check("run", done, noted)


def test_dag_and_config(folder: Path) -> None:
    check("dag", printed(folder, "dag"))
    check("config", printed(folder, "config"))


def test_why_verify_score_runs_diff_and_clean(folder: Path) -> None:
    steps = printed(folder, "why", "submit")
    steps[0]["damage"].append("nothing is damaged here")
    check("why", steps)
    check("verify", printed(folder, "verify"))
    check("score", printed(folder, "score", "--answers", str(SAMPLE_FOLDER / "answers.csv.gz")))
    runs = printed(folder, "runs")
    runs[0]["trial"]["sweep"] = "none of these is a trial"
    check("runs", runs)
    check("diff", printed(folder, "diff", "1", "2"))
    check("clean", printed(folder, "clean", "--keep", "0"))


def test_diff_explain(folder: Path) -> None:
    explained = printed(folder, "diff", "1", "2", "--explain", "--seeds", "1")
    explained["without_bearing"] += explained["changes"]
    for change in explained["without_bearing"]:
        change.pop("share"), change.pop("interval")
    explained["notes"].append("nothing is left out here")
    check("diff --explain", explained, printed(folder, "diff", "1", "2", "--explain", "--seeds", "1"))


def test_predict_and_show(folder: Path) -> None:
    train = str(SAMPLE_FOLDER / "train.csv.gz")
    (folder / "bad.png").write_text("no picture")
    check("predict", printed(folder, "predict", train, "bad.png", code=1))
    check("show", printed(folder, "show", "3", "--augmented"))


def test_suspects(tmp_path: Path, folder: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(folder, project, symlinks=True)
    assert CliRunner().invoke(main, ["run", "all", "--set", "train.epochs=1", "-q", "-C", str(project)]).exit_code == 0
    check("suspects", printed(project, "suspects"))


def test_report(folder: Path) -> None:
    check("report", printed(folder, "report", "--path"))


def test_model(folder: Path) -> None:
    check("model", printed(folder, "model"))


def test_upload(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kaggle = Kaggle(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(kaggle.folder))
    monkeypatch.setattr(
        "stages.commands.upload.submission_checks.require_not_of_sample", lambda _: None
    )  # it is the sample's
    printed(folder, "run", "all")
    kaggle.will("submit", answer("Successfully submitted to Digits"))
    check("upload", printed(folder, "upload", "-m", "new", "--competition", "digits", "--yes", "--no-wait"))


def test_fetch(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data/digit-recognizer.zip", "w") as archive:
        archive.writestr("train.csv", "label,pixel0\n")
    check("fetch", printed(tmp_path, "fetch"))


def test_every_command_with_json_is_documented() -> None:
    commands = main.list_commands(main.make_context("pipeline", [], resilient_parsing=True))
    documented_commands = {word for title in SECTIONS for word in re.findall(r"[a-z]+", title)}
    for name in commands:
        command = main.get_command(main.make_context("pipeline", [], resilient_parsing=True), name)
        assert command is not None
        if any("--json" in parameter.opts for parameter in command.params):
            advice = f"docs/exit-codes-and-json.md needs a section '## {name}' with its keys, and this file a run of it"
            assert name in documented_commands | OWN_PAGE, advice


def test_every_section_is_checked() -> None:
    """Read from this file: the tests may run in several processes, or only some of them."""
    source = Path(__file__).read_text(encoding="utf-8")
    checked = set(re.findall(r'^    check\("([^"]+)", ', source, flags=re.MULTILINE))
    advice = 'each section of docs/exit-codes-and-json.md needs a test here that calls check("<section>", <output>)'
    assert checked | {"Exit codes"} == SECTIONS.keys(), advice


def test_exit_codes_are_those_of_the_program(folder: Path, tmp_path: Path) -> None:
    from pipeline.exit_codes import ExitCode

    told = {int(code) for code in re.findall(r"^\| (\d+) \|", SECTIONS["Exit codes"], flags=re.MULTILINE)}
    assert told == {int(code) for code in ExitCode}
    printed(folder, "status", "--set", "train.epochs=9", "--check", code=3)
    assert CliRunner().invoke(main, ["status", "--set", "train.epohs=9", "-C", str(tmp_path)]).exit_code == 2
    assert CliRunner().invoke(main, ["why", "submit", "-C", str(tmp_path)]).exit_code == 1
