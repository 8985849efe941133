"""What the shell is offered for half a word, driven through click as a shell drives it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import FishComplete, ShellComplete, ZshComplete, get_completion_class
from toy_project import OBJECTIVE, make_stages

from pipeline.cli import main
from pipeline.cli.completion import InBash

TOY_ARTIFACTS = [
    *(stage.name for stage in make_stages("toy")),
    *(each.path for stage in make_stages("toy") for each in stage.outputs),
]


@pytest.fixture(autouse=True, params=["no settings", "a broken file of settings"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder, with the toy project's lists in the place of the real ones."""
    monkeypatch.chdir(tmp_path)
    if request.param != "no settings":
        (tmp_path / "pipeline.toml").write_text("[power\nexponent == ")
    monkeypatch.setattr("stages.STAGES", make_stages("toy"))
    monkeypatch.setattr("stages.presets.PRESETS", {"cubes": {}, "cubic": {}, "squares": {}})
    monkeypatch.setattr("stages.OBJECTIVE", OBJECTIVE)
    return tmp_path


def offered(line: str, shell: type[ShellComplete] = ShellComplete) -> list[str]:
    """What is offered for the last word of a line, which ends where the person types."""
    *words, incomplete = line.split(" ")[1:]
    completer = shell(main, {}, "pipeline", "_PIPELINE_COMPLETE")
    return [item.value for item in completer.get_completions(words, incomplete)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pipeline ru", ["run", "runs"]),
        ("pipeline -C . sta", ["status"]),
        ("pipeline --debug -C . sta", ["status"]),
        ("pipeline run ", ["all", "load", "power", "parity", "total"]),
        ("pipeline run load p", ["power", "parity"]),
        ("pipeline run all --from p", ["power", "parity"]),
        ("pipeline run --to ", ["load", "power", "parity", "total"]),
        ("pipeline run all --preset cu", ["cubes", "cubic"]),
        ("pipeline run all --set power.ex", ["power.exponent="]),
        ("pipeline status --set total.", ["total.start=", "total.fails=", "total.waits="]),
        ("pipeline config --set total.fails=", ["total.fails=true", "total.fails=false"]),
        ("pipeline config --set load.limit=", []),
        ("pipeline config --set nothing.at=", []),
        ("pipeline sweep --random 3 power.", ["power.exponent="]),
        ("pipeline sweep --grid load.l", ["load.limit="]),
        ("pipeline sweep --grid total.fails=true,f", ["total.fails=true,false"]),
        ("pipeline sweep --objective t", ["total"]),
        ("pipeline run all --backend ", ["local", "dask"]),
        ("pipeline why to", ["total", "total/total.csv", "total/summary.json"]),
        ("pipeline why total/", ["total/total.csv", "total/summary.json"]),
        ("pipeline why ", TOY_ARTIFACTS),
        ("pipeline why ar", [f"artifacts/{name}" for name in TOY_ARTIFACTS]),
        ("pipeline why artifacts/power", ["artifacts/power", "artifacts/power/powers.npy"]),
        ("pipeline verify --re", ["--rerun"]),
    ],
)
def test_half_a_word_is_completed(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "pipeline rum ",
        "pipeline rum --set tr",
        "pipeline -C nowhere run ",
        "pipeline run all -C nowhere --set ",
        "pipeline run --set",
        "pipeline run all --set power.exponent=99 --from ",
        "pipeline run all --preset nonsense --to ",
        "pipeline sweep --random nonsense power",
        "pipeline sweep --seed -1 --grid ",
        "pipeline show x --te",
        "pipeline diff -1 -",
        "pipeline --nonsense ru",
        "pipeline run --nonsense ",
        "pipeline run all --backend nonsense --sch",
        "pipeline -",
        "pipeline ",
    ],
)
def test_no_half_typed_line_is_an_error_and_nothing_is_said(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    offered(line)
    assert capfd.readouterr() == ("", "")


def test_every_prefix_of_a_long_line_is_completed_without_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    line = (
        "pipeline -C . --debug run load total --from load --set power.exponent=3 --preset cubes --json --backend dask"
    )
    for length in range(len("pipeline "), len(line) + 1):
        offered(line[:length])
    assert capfd.readouterr() == ("", "")


def test_files_and_folders_are_left_to_the_shell() -> None:
    completer = ShellComplete(main, {}, "pipeline", "_PIPELINE_COMPLETE")
    for words, kind in ((["-C"], "dir"), (["predict"], "file"), (["sweep", "-o"], "file"), (["predict", "-o"], "file")):
        assert [item.type for item in completer.get_completions(words, "")] == [kind]


BREAKS = {
    "run all --set power.ex": ["power.exponent="],
    "run all --set total.fails =": ["true", "false"],
    "run all --set total.fails = t": ["true"],
    "run all --set = total.fails = t": ["true"],
    "run all --set = power.ex": ["power.exponent="],
    "run all --preset = cu": ["cubes", "cubic"],
    "run all --set load.limit = 3 --set total.fails = f": ["false"],
    "run all --set load.limit = 3 ": ["all", "load", "power", "parity", "total"],
    "run all --set total.fails=t": ["total.fails=true"],  # where = divides no words
    "run all --set total.fails = 't": ["true"],
    "=": [],
    "= = =": [],
}


@pytest.mark.parametrize(("words", "expected"), BREAKS.items())
def test_in_bash_a_word_ends_at_an_equals_sign(
    words: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_WORDS", "\n".join(["pipeline", *words.split(" ")]))
    monkeypatch.setenv("COMP_CWORD", str(1 + words.count(" ")))
    offered = InBash(main, {}, "pipeline", "_PIPELINE_COMPLETE").complete()
    assert [line.removeprefix("plain,") for line in offered.splitlines()] == expected


def test_bash_puts_no_space_behind_an_equals_sign(tmp_path: Path) -> None:
    program = tmp_path / "pipeline"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pipeline "$@"\n')
    program.chmod(0o755)
    script = f"""
        compopt() {{ echo "$@"; }}
        eval "$(_PIPELINE_COMPLETE=bash_source {program})"
        COMP_WORDS=(pipeline config --set train.activ) COMP_CWORD=3
        _pipeline_completion {program}
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["-o nospace", "train.activation="]


@pytest.mark.parametrize(("name", "kind"), [("bash", InBash), ("zsh", ZshComplete), ("fish", FishComplete)])
def test_the_shells_are_known(name: str, kind: type[ShellComplete]) -> None:
    assert get_completion_class(name) is kind
    assert offered("pipeline stat", kind) == ["status"]


def test_the_names_that_a_setting_chooses_from_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real stages
    assert offered("pipeline config --set train.activation=r") == ["train.activation=relu"]
