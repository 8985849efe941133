"""The libraries of a key are those that the code imports, by the distributions that are installed."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions, version
from pathlib import Path

import pytest
from toy_project import Toy, why

from pipeline.errors import StageError
from pipeline.execution import run_stage
from pipeline.fingerprint import libraries
from pipeline.fingerprint.code import code_closure
from pipeline.fingerprint.environment import loaded_environment
from pipeline.fingerprint.libraries import Installed, library_versions
from pipeline.fingerprint.parse_cache import ParseCache

PYTHON = ".".join(map(str, sys.version_info[:2]))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy.linalg", {"numpy"}),
        ("def f():\n  from PIL import Image", {"PIL"}),
        ("try:\n  import nobody_has_this\nexcept ImportError:\n  pass", {"nobody_has_this"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import numpy", set()),
        ("import json, os.path\nfrom __future__ import annotations", set()),
        ("from PACKAGE import words\nfrom . import words", set()),
    ],
)
def test_imports_from_outside_the_project_and_the_standard_library_are_found(
    toy: Toy, source: str, found: set[str]
) -> None:
    (toy.code / toy.package / "uses.py").write_text(source.replace("PACKAGE", toy.package))
    assert code_closure([f"{toy.package}.uses:f"]).libraries == found


def test_the_libraries_of_all_that_is_imported_count(toy: Toy) -> None:
    toy.edit("arithmetic/offset.py", "OFFSET = 0", "import jinja2\n\nOFFSET = 0")
    assert "jinja2" in code_closure([f"{toy.package}.power:power"]).libraries
    assert "jinja2" not in code_closure([f"{toy.package}.parity:parity"]).libraries


def test_versions_go_by_distribution_whatever_the_import_is_called() -> None:
    found = library_versions(["PIL", "numpy", "nobody_has_this"], ParseCache(), Installed())
    assert found == {
        "python": PYTHON,
        "pillow": version("pillow"),
        "numpy": version("numpy"),
        "nobody_has_this": "not installed",
    }


def test_the_slow_table_of_distributions_is_made_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ParseCache()
    first = library_versions(["PIL", "nobody_has_this"], cache, Installed())
    assert cache.grown
    monkeypatch.setattr(libraries, "_distributions", lambda: pytest.fail("the table is made again"))
    assert library_versions(["PIL", "nobody_has_this"], ParseCache(cache.to_bytes()), Installed()) == first


def test_a_distribution_that_is_gone_is_looked_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ParseCache()
    cache.keep_distributions({"PIL": ["pillow-of-old"]})
    monkeypatch.setattr(libraries, "_distributions", lambda: {"PIL": ["Pillow"]})
    assert library_versions(["PIL"], cache, Installed()) == {"python": PYTHON, "pillow": version("pillow")}


def install(folder: Path, name: str, number: str) -> None:
    """Put a distribution where it is found before the one that is installed, in the place of an earlier one."""
    for earlier in folder.glob(f"{name}-*.dist-info"):
        earlier.rename(folder / f"{name}-{number}.dist-info")
    (folder / f"{name}-{number}.dist-info").mkdir(exist_ok=True)


def test_versions_are_those_that_python_tells_of() -> None:
    installed = Installed()
    told: dict[str, str] = {}
    for found in distributions():
        told.setdefault(found.name, found.version)  # of two, the first on the path is imported
    assert {name: installed.version(name) for name in told} == told
    assert installed.version("nobody-has-this") is None


def test_a_distribution_of_an_old_tool_has_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old_way.egg-info").mkdir()
    (tmp_path / "old_way.egg-info/PKG-INFO").write_text("Metadata-Version: 1.0\nName: old-way\nVersion: 1.5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert Installed().version("old-way") == "1.5"


def test_another_version_reruns_what_uses_the_library_and_nothing_else(toy: Toy) -> None:
    toy.edit("arithmetic/offset.py", "OFFSET = 0", "import jinja2\n\nOFFSET = 0")
    toy.run("all")
    before = version("jinja2")
    install(toy.code, "jinja2", "99")
    assert why(toy.plan(), "power") == [f"jinja2 {before} -> 99"]
    assert why(toy.plan(), "load") == []
    assert why(toy.plan(), "parity") == []


def test_a_library_that_is_exchanged_while_a_stage_runs_is_noticed(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions are looked up anew before and after a stage: what is imported is what is written down."""
    install(toy.code, "numpy", "1")
    resolve = run_stage.resolve

    def resolve_and_exchange(reference: str) -> object:
        if reference.endswith("power:power"):
            install(toy.code, "numpy", "2")
        return resolve(reference)

    monkeypatch.setattr(run_stage, "resolve", resolve_and_exchange)
    with pytest.raises(StageError, match="not certified: numpy 1 -> 2"):
        toy.run("power")


def test_the_environment_is_what_is_loaded_and_loads_nothing() -> None:
    code = (
        "import sys; from pipeline.fingerprint.environment import loaded_environment as found\n"
        "print(sorted(found()), 'numpy' in sys.modules)\nimport numpy\nprint(*found().values(), sep='|')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "['python'] False"
    python, numpy, kernels = second.split("|")
    assert [python, numpy] == [loaded_environment()["python"], version("numpy")]
    assert kernels


def test_a_receipt_notes_the_environment(toy: Toy) -> None:
    result = toy.run("power")
    environments = [done.receipt.environment for done in result.stages if done.receipt]
    assert [each["python"] for each in environments] == [loaded_environment()["python"]] * 2
    assert environments[-1]["numpy"] == version("numpy")
