"""What a person gets who installs the package: nothing that he reads there speaks of the checkout."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import main

ROOT = Path(__file__).parents[1]
PACKAGES = [ROOT / "pipeline", ROOT / "stages"]
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


def test_nor_does_the_help_of_any_command() -> None:
    context = main.make_context("pipeline", [], resilient_parsing=True)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert not OF_THE_CHECKOUT.search(command.get_help(context)), name
