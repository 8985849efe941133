"""Imports point one way, as the design says: read from the sources, and once from a running process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
import stages
from pipeline.code import parse_module

ENGINE = Path(next(iter(pipeline.__path__)))
STAGES = Path(next(iter(stages.__path__)))

# Each module of the engine may import those that stand before it, and no others.
LAYERS = (
    ("errors",),
    ("stage", "fingerprint", "interrupt", "lock", "source_import", "disk", "measure", "table"),
    ("code", "config", "receipt", "history", "workers"),
    ("code_memory", "space", "plan", "job"),
    ("store", "render", "cluster"),
    ("observe", "progress", "pieces", "aside"),
    ("execute", "provenance", "clean", "current"),
    ("run",),
    ("verify", "sweep", "together"),
    ("sweep_run",),
    ("sweep_view",),
    ("sweep_files",),
    ("cli",),
    ("sweep_command",),
)
OF_STAGES = {"errors", "stage"}  # what stages may import of the engine
OF_LIST = {*OF_STAGES, "measure"}  # their list, stages/__init__.py
OF_COMMANDS = {*OF_STAGES, "cli", "render", "progress", "current"}
WRITING = {"mkdir", "write_text", "write_bytes", "rename", "unlink", "symlink_to", "rmtree", "rmdir", "touch", "fsync"}
HEAVY = ("numpy", "pandas", "pandera", "pyarrow", "rich", "jinja2", "joblib", "distributed", "PIL", "matplotlib")


def writes(call: ast.Call) -> bool:
    """Whether a call is of a method that changes files, or of some ``open`` that may."""
    is_method, name = isinstance(call.func, ast.Attribute), ast.unparse(call.func)
    if is_method and (name == "os.open" or name.rpartition(".")[2] in WRITING):
        return True
    modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return name.rpartition(".")[2] == "open" and any(
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set("wax+") & set(mode.value)
        for mode in modes
    )


def modules(folder: Path, package: str) -> dict[str, str]:
    """Each module's name and source."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join([package, *(part for part in parts if part != "__init__")])] = path.read_text(encoding="utf-8")
    return found


def imports(name: str, source: str) -> set[str]:
    """Everything that a module imports when it runs, type checkers' imports left out."""
    folder = ENGINE if name.startswith("pipeline") else STAGES
    parts = name.split(".")[1:]
    return set(parse_module(source, name, (folder.joinpath(*parts) / "__init__.py").exists()).imports)


@pytest.mark.parametrize(("name", "source"), modules(ENGINE, "pipeline").items(), ids=lambda text: text[:30])
def test_the_engine_points_one_way_and_knows_no_stages(name: str, source: str) -> None:
    found = imports(name, source)
    if name not in {"pipeline.cli", "pipeline.sweep_command"}:
        assert not {item for item in found if item.partition(".")[0] == "stages"}
    module = name.partition(".")[2]
    if not module:
        assert not found
        return
    layer = next((number for number, names in enumerate(LAYERS) if module in names), None)
    assert layer is not None, f"{name} has no place among the layers"
    below = {lower for names in LAYERS[:layer] for lower in names}
    used = {item.split(".")[1] for item in found if item.startswith("pipeline.")}
    assert used <= below


def test_planning_is_pure() -> None:
    """What decides neither reads nor writes: it imports nothing that could."""
    found = imports("pipeline.plan", (ENGINE / "plan.py").read_text())
    allowed = {"__future__", "collections", "dataclasses", "enum", "typing", "pipeline"}
    assert {item.partition(".")[0] for item in found} <= allowed
    assert "open" not in {
        node.id for node in ast.walk(ast.parse((ENGINE / "plan.py").read_text())) if isinstance(node, ast.Name)
    }


def test_only_the_store_the_lock_and_the_log_write_below_artifacts() -> None:
    writers = {
        name
        for name, source in modules(ENGINE, "pipeline").items()
        if any(writes(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    }
    elsewhere = {"pipeline.sweep_files", "pipeline.job", "pipeline.workers"}  # below sweeps/, in temporary folders
    assert writers == {"pipeline.store", "pipeline.disk", "pipeline.lock", "pipeline.history"} | elsewhere
    users = {name for name, source in modules(ENGINE, "pipeline").items() if "pipeline.disk" in imports(name, source)}
    assert users == {"pipeline.store"}


@pytest.mark.parametrize(("name", "source"), modules(STAGES, "stages").items(), ids=lambda text: text[:30])
def test_stages_know_nothing_of_caching(name: str, source: str) -> None:
    engine = {item for item in imports(name, source) if item.startswith("pipeline.")}
    allowed = OF_COMMANDS if ".commands" in name else OF_LIST if name == "stages" else OF_STAGES
    assert {item.split(".")[1] for item in engine} <= allowed
    if name.startswith("stages.mlp"):
        known = {"numpy", "threadpoolctl", "stages", *sys.stdlib_module_names}
        found = imports(name, source)
        assert {item.partition(".")[0] for item in found} <= known
        assert all(item == "stages" or item.startswith("stages.mlp") for item in found if item.startswith("stages"))


def test_a_stage_finds_what_it_needs_of_the_engine_in_two_modules() -> None:
    for path in {path for path in STAGES.glob("*.py") if f"def {path.stem}(task" in path.read_text()}:
        used = {item for item in imports(f"stages.{path.stem}", path.read_text()) if item.startswith("pipeline.")}
        assert {item.split(".")[1] for item in used} <= OF_STAGES, path.name


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, pipeline.cli\ntry: pipeline.cli.main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: " in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    assert "click" in loaded
    assert not set(HEAVY) & set(loaded)
