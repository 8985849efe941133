"""What a person gets who installs the package: all that is needed, nothing else, and no word of the checkout."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from pipeline.cli import main

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = [ROOT / "pipeline", ROOT / "stages"]
NEEDED_TO_BUILD = ("pyproject.toml", "MANIFEST.in", "PACKAGE.md", "README.md", "CHANGELOG.md", "LICENSE")
BUILD = """
from setuptools import build_meta
sdist, wheel = build_meta.build_sdist("sdist"), build_meta.build_wheel("wheel")
print(sdist)
print(wheel)
"""
OF_THE_CHECKOUT = re.compile(r"pip install -e|digit-pipeline\[|\b(?:docs|benchmarks|tests)/|\b[\w-]+\.md\b")


def texts_of(path: Path) -> Iterator[str]:
    """Every text in a module but the docstrings, and a template or style as it is."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield source
        return
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and is_text(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def is_text(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> bool:
    """Whether a definition begins with a docstring."""
    return bool(node.body) and isinstance(node.body[0], ast.Expr)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_no_message_speaks_of_files_that_only_the_checkout_has(package: Path) -> None:
    files = [path for path in package.rglob("*") if path.suffix in {".py", ".html", ".css", ".js"}]
    assert len(files) > 50
    found = [(path.name, text) for path in files for text in texts_of(path) if OF_THE_CHECKOUT.search(text)]
    assert found == []


def test_no_help_text_speaks_of_files_that_only_the_checkout_has() -> None:
    context = main.make_context("pipeline", [], resilient_parsing=True)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert not OF_THE_CHECKOUT.search(command.get_help(context)), name


# --- what the wheel and the sdist hold ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist and the wheel, built in a copy: setuptools leaves files where it builds."""
    folder = tmp_path_factory.mktemp("built")
    for package in (*PACKAGES, ROOT / "tests"):
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in NEEDED_TO_BUILD:
        shutil.copy(ROOT / name, folder)
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sdist, wheel = done.stdout.splitlines()[-2:]
    return folder / "sdist" / sdist, folder / "wheel" / wheel


def files_of_the_packages() -> set[str]:
    """Every file of both packages, as it lies in the checkout."""
    files = (path for package in PACKAGES for path in package.rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_the_wheel_holds_both_packages_whole_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == files_of_the_packages()
    sample = {f"stages/sample/{name}" for name in ("train.csv.gz", "test.csv.gz", "answers.csv.gz", "README.md")}
    templates = {f"stages/evaluate/report/templates/{name}" for name in ("page.html", "style.css", "network.js")}
    assert {"pipeline/py.typed", "stages/py.typed"} | sample | templates <= held
    assert {name for name in held if name.startswith("stages/sample/")} == {*sample, "stages/sample/__init__.py"}


def test_the_sdist_holds_what_the_wheel_is_built_from_and_nothing_else(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    made = {name for name in held if name.startswith("digit_pipeline.egg-info/")} | {"PKG-INFO", "setup.cfg"}
    assert held - made == files_of_the_packages() | set(NEEDED_TO_BUILD) - {"README.md"}


def test_the_metadata_is_complete(built: tuple[Path, Path]) -> None:
    found = metadata(built[1])
    assert found["License-Expression"] == "MIT AND CC-BY-4.0"
    assert found.get_all("License-File") == ["LICENSE", "stages/sample/README.md"]
    assert found.get_all("Project-URL") == ["Competition, https://www.kaggle.com/competitions/digit-recognizer"]
    assert found["Author"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert found["Keywords"]
    assert found["Requires-Python"] == ">=3.11"
    assert set(found.get_all("Provides-Extra") or ()) >= {"kaggle", "dask"}


def test_ci_runs_on_the_pythons_that_the_metadata_names() -> None:
    named = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if "Python :: 3." in each]
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert re.findall(r'"(3\.\d+)"', workflow) == named
    assert "- run: .ci/run\n" in workflow


def test_what_a_package_index_shows_needs_no_file_beside_it(built: tuple[Path, Path]) -> None:
    found = metadata(built[1])
    text = str(found.get_payload())
    assert found["Description-Content-Type"] == "text/markdown"
    assert "pipeline run all" in text
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("https://")] == []
    assert not OF_THE_CHECKOUT.search(text.replace("digit-pipeline[", ""))
    extras = set(re.findall(r"digit-pipeline\[([a-z]+)\]", text))
    assert {"kaggle", "dask"} <= extras <= set(PROJECT["optional-dependencies"])
