"""The key of a stage covers what the stage uses: an edit in one stage's folder reruns no other stage by itself."""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline
import stages

ROOT = Path(next(iter(stages.__path__))).parent
NAMES = [stage.name for stage in stages.STAGES]
PRINT_WORKS = """
import json
from dataclasses import asdict
from pathlib import Path
from pipeline.config import load_config
from pipeline.fingerprint.parse_cache import ParseCache
from pipeline.planning.current_work import current_work
from pipeline.planning.project import Project
from pipeline.store.store import Store
from stages import STAGES
config = load_config(STAGES, {}, Path("nowhere"), environment={})
cache = Path("parse_cache.json")  # beside the sources: what has not changed is not parsed again
kept = ParseCache(cache.read_bytes() if cache.exists() else b"")
project = Project(Path("nowhere"), STAGES, config, Store(Path("nowhere")), kept)
print(json.dumps({stage.name: asdict(current_work(project, stage)) for stage in STAGES}))
cache.write_bytes(kept.to_bytes())
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all code, with nothing installed in its place."""
    folder = tmp_path_factory.mktemp("sources")
    for package in (pipeline, stages):
        name = package.__name__
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.gz"))
    return folder


def works(sources: Path) -> dict[str, Any]:
    """What each stage would do by the code in ``sources``, seen by a process of its own."""
    words, env = [sys.executable, "-B", "-c", PRINT_WORKS], {**os.environ, "PYTHONPATH": str(sources)}
    done = subprocess.run(words, env=env, cwd=sources.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def before(sources: Path) -> dict[str, Any]:
    return works(sources)


def edited(sources: Path, before: dict[str, Any], *changes: tuple[str, Callable[[str], str]]) -> set[str]:
    """The stages whose work is another when files are changed; the files are put back."""
    originals = {name: (sources / name).read_text(encoding="utf-8") for name, _ in changes}
    try:
        for name, change in changes:
            changed = change(originals[name])
            assert changed != originals[name]
            (sources / name).write_text(changed, encoding="utf-8")
        after = works(sources)
    finally:
        for name, text in originals.items():
            (sources / name).write_text(text, encoding="utf-8")
    return {name for name in before if after[name] != before[name]}


def other_values(source: str) -> str:
    """A parameters.py with other defaults."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for constant in ast.walk(node.value) if isinstance(node, ast.AnnAssign) and node.value else ():
            if isinstance(constant, ast.Constant):
                old = constant.value
                constant.value = (
                    not old if isinstance(old, bool) else f"{old}x" if isinstance(old, str | None) else old + 1
                )
    return ast.unparse(tree)


def other_help_texts(source: str) -> str:
    return source.replace('description="', 'description="Said otherwise: ') + "\nNEW = 1\n"


def one_more_check(source: str) -> str:
    return f"{source}\n\ndef check_nothing(path):\n    return None\n"


@pytest.mark.parametrize("stage", NAMES)
def test_other_defaults_of_a_stage_change_its_key_only(sources: Path, before: dict[str, Any], stage: str) -> None:
    has_settings = bool(before[stage]["parameters"])
    found = edited(sources, before, (f"stages/{stage}/parameters.py", other_values))
    assert found == ({stage} if has_settings else set())


def test_other_help_texts_change_no_key(sources: Path, before: dict[str, Any]) -> None:
    changes = [(f"stages/{stage}/parameters.py", other_help_texts) for stage in NAMES]
    assert edited(sources, before, *changes) == set()


@pytest.mark.parametrize("stage", NAMES)
def test_another_check_of_a_stage_changes_its_key_only(sources: Path, before: dict[str, Any], stage: str) -> None:
    assert edited(sources, before, (f"stages/{stage}/checks.py", one_more_check)) == {stage}


@pytest.mark.parametrize("stage", NAMES)
def test_every_module_in_the_folder_of_a_stage_is_part_of_its_key(before: dict[str, Any], stage: str) -> None:
    """A module that only a text names, as the workers name the function of a job, would be left out."""
    folder = ROOT / "stages" / stage
    files = [path for path in folder.rglob("*.py") if path.name not in {"__init__.py", "parameters.py"}]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    published = {f"stages.{stage}.{name}" for name in importlib.import_module(f"stages.{stage}").__all__}
    assert modules - published <= before[stage]["code"].keys()


def test_an_edit_of_prediction_trains_nothing(sources: Path, before: dict[str, Any]) -> None:
    path = "stages/train/predictor.py"
    found = edited(sources, before, (path, lambda source: source.replace("BLOCK_ROWS = 4096", "BLOCK_ROWS = 4095")))
    assert found == {"evaluate", "submit"}


def test_a_new_command_or_preset_changes_no_key(sources: Path, before: dict[str, Any]) -> None:
    def one_more(source: str) -> str:
        return source.replace("COMMANDS = {", 'COMMANDS = {\n    "extra": "stages.commands.show.show:show",')

    presets = ("stages/presets.py", lambda source: source + "\nNEW = 1\n")
    assert edited(sources, before, ("stages/__init__.py", one_more), presets) == set()


def test_a_seventh_stage_changes_no_key(sources: Path, before: dict[str, Any]) -> None:
    stage = """STAGES = (
    Stage("extra", "one more", "stages.extra.extra:extra", EncodeParameters, ("train/model.npz",),
          (Artifact("extra/extra.json", "stages.extra.extra:check"),)),"""
    folder = sources / "stages/extra"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "extra.py").write_text("def extra(task): ...\n\ndef check(path): ...\n")
    try:
        found = edited(sources, before, ("stages/__init__.py", lambda text: text.replace("STAGES = (", stage)))
    finally:
        shutil.rmtree(folder)
    assert found == set()


@pytest.mark.parametrize("name", ["page.html", "sections/learning.html", "style.css", "network.js"])
def test_another_page_style_or_script_changes_the_key_of_evaluate_only(
    sources: Path, before: dict[str, Any], name: str
) -> None:
    path = f"stages/evaluate/report/templates/{name}"
    assert edited(sources, before, (path, lambda text: f"{text} ")) == {"evaluate"}


def test_an_edit_that_two_stages_share_is_seen_by_both(sources: Path, before: dict[str, Any]) -> None:
    """What finds no change above would find one: the rule is not that nothing is ever seen."""
    found = edited(sources, before, ("stages/shared/checks.py", one_more_check))
    assert len(found) > 1
