"""Which folder a command works in: the one given, the one where the user stands, or one above it that is a project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toy_project import Toy, invoke, oracle

import pipeline.cli
from pipeline.__main__ import drop_relative_folders
from pipeline.cli.project import find_project, locate

SAID = "because this folder is inside it"


@pytest.fixture
def deep(toy_of_commands: Toy, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand two folders below the toy project, which has run."""
    toy_of_commands.run()
    folder = toy_of_commands.work / "notes" / "deep"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_in_a_subfolder_the_project_is_found_and_said_in_one_line(toy: Toy, deep: Path) -> None:
    result = invoke(toy, "run", "all", "--set", "power.exponent=3")
    assert [line for line in result.stderr.splitlines() if SAID in line] == [
        f"using the project {toy.work}, because this folder is inside it; add `-C .` to work in this folder"
    ]
    assert toy.files() == oracle(exponent=3)
    assert "../../artifacts/total/total.csv" in result.stdout.splitlines()
    assert list(deep.iterdir()) == []


def test_a_folder_that_is_given_is_taken_as_it_is(toy: Toy, deep: Path) -> None:
    for words in (("status", "--check", "-C", "."), ("-C", ".", "status", "--check")):
        assert SAID not in invoke(toy, *words, code=3).stderr
    invoke(toy, "-C", ".", "status", "--check", "-C", str(toy.work))  # the last one holds
    assert list(deep.iterdir()) == []


def test_paths_are_seen_from_where_the_user_stands(toy: Toy, deep: Path) -> None:  # noqa: ARG001 - it stands there
    invoke(toy, "why", "total/total.csv")
    invoke(toy, "why", "../../artifacts/total/total.csv")
    invoke(toy, "why", "artifacts/total/total.csv", code=2)
    invoke(toy, "-C", "../..", "why", "artifacts/total/total.csv")


def test_the_best_settings_of_a_sweep_are_written_where_the_user_stands(toy: Toy, deep: Path) -> None:
    invoke(toy, "sweep", "--grid", "power.exponent=2", "-o", "best.toml")
    assert (deep / "best.toml").exists()
    invoke(toy, "sweep", "--grid", "power.exponent=2", "-o", "best.toml", "-C", str(toy.work))
    assert (toy.work / "best.toml").exists()


def project(folder: Path, kind: str) -> Path:
    """A folder that holds a project of some kind."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "settings":
        (folder / "pipeline.toml").touch()
    elif kind == "artifacts":
        (folder / "artifacts/.store").mkdir(parents=True)
    elif kind == "data":
        (folder / "data").mkdir()
        (folder / "data/train.csv").touch()
    elif kind == "others' artifacts":
        (folder / "artifacts").mkdir()
    return folder


@pytest.mark.parametrize("kind", ["settings", "artifacts", "data"])
def test_a_project_is_known_by_its_settings_its_artifacts_or_its_data(tmp_path: Path, kind: str) -> None:
    above = project(tmp_path / "above", kind)
    below = above / "a" / "b"
    below.mkdir(parents=True)
    assert find_project(below) == above
    assert find_project(above) == above
    assert find_project(project(above / "a", "settings")) == above / "a"  # the nearest


def test_what_is_no_project_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project(tmp_path / "above", "others' artifacts") / "below"
    below.mkdir()
    assert find_project(below) == below
    project(tmp_path, "settings")
    assert find_project(below) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))  # settings there are nobody's project
    assert find_project(below) == below


def test_a_project_of_somebody_else_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project(tmp_path / "above", "settings") / "below"
    below.mkdir()
    owner, stat = os.geteuid(), Path.stat

    def others(path: Path, **options: bool) -> os.stat_result:
        found = list(stat(path, **options))
        found[4] = owner + 1 if path == tmp_path / "above" else found[4]
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", others)
    assert find_project(below) == below


def test_a_folder_that_is_gone_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    shutil.rmtree(gone)
    assert locate(None) == (Path(), Path())
    monkeypatch.chdir(tmp_path)


def test_a_folder_above_that_may_not_be_looked_into_holds_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> bool:
        if folder != tmp_path:
            raise PermissionError(13, "Permission denied", str(folder))
        return False

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.cli.project.holds_project", refuse)
    assert locate(None) == (Path(), Path())


def program(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, check=False)


def test_python_m_pipeline_is_the_same_program(tmp_path: Path) -> None:
    done = program("-m", "pipeline", "-C", ".", "--debug", "dag", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == program("-c", "from pipeline.cli import main; main()", "dag", "--json", cwd=tmp_path).stdout
    assert program("-m", "pipeline", "-V", cwd=tmp_path).stdout.startswith("pipeline, version ")
    wrong = program("-m", "pipeline", "rum", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: there is no command 'rum'")


def test_debug_before_the_command_shows_the_traceback_with_names_from_outside_escaped(tmp_path: Path) -> None:
    done = program("-m", "pipeline", "--debug", "config", "--set", "\x1b[31m\x9b", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, True)
    assert "\\x1b[31m" in done.stderr
    assert not {"\x1b", "\x9b"} & set(done.stderr)
    assert "Traceback" not in program("-m", "pipeline", "config", "--set", "nonsense", cwd=tmp_path).stderr


def test_python_m_pipeline_imports_nothing_from_the_folder_where_the_user_stands(tmp_path: Path) -> None:
    for name in ("json", "click", "numpy", "msgspec", "pyarrow", "typing", "signal"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write('{name} ')\n")
    done = program("-m", "pipeline", "status", cwd=tmp_path)
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()
    assert done.returncode == 0


@pytest.mark.parametrize("path", [":{good}", "{good}:", "{good}::{good}", ".:{good}", "sub:{good}", "./../here:{good}"])
def test_a_relative_part_of_pythonpath_is_left_out_here_and_for_started_processes(tmp_path: Path, path: str) -> None:
    """What Python imports before the first line of the program cannot be helped: so none of that is among the files."""
    here, good = tmp_path / "here", tmp_path / "good"
    for folder in (here, here / "sub"):
        folder.mkdir()
        for name in ("click", "numpy", "msgspec", "shlex", "marker"):
            (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write('{name} ')\n")
    good.mkdir()
    (good / "marker.py").touch()
    code = """if True:
        import subprocess, sys
        from pipeline.__main__ import main
        sys.argv[1:] = ["dag"]
        try:
            main()
        except SystemExit:
            import marker, numpy, shlex
        subprocess.run([sys.executable, "-P", "-c", "import marker, shlex"], check=True)
        print(marker.__file__)
    """
    environment = {**os.environ, "PYTHONPATH": path.format(good=good)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=here, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [str(good / "marker.py")]), done.stderr
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()


@pytest.mark.parametrize(("path", "kept"), [(":/a:b:/c", "/a:/c"), (".", os.defpath), ("/a", "/a")])
def test_no_program_of_the_folder_where_the_user_stands_is_found(
    monkeypatch: pytest.MonkeyPatch, path: str, kept: str
) -> None:
    monkeypatch.setenv("PATH", path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    drop_relative_folders()
    assert os.environ["PATH"] == kept


def test_the_folder_of_the_software_may_be_a_relative_part_of_pythonpath() -> None:
    home = Path(pipeline.__file__).parents[1]
    code = "import os; from pipeline.__main__ import *; drop_relative_folders(); print(os.environ['PYTHONPATH'])"
    command, environment = [sys.executable, "-S", "-c", code], {**os.environ, "PYTHONPATH": "."}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ".\n"), done.stderr
