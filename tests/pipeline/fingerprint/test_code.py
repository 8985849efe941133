"""Code is fingerprinted by what it means: layout never counts, everything that runs always does."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from toy_project import Toy

import pipeline
import stages
from pipeline.fingerprint import code
from pipeline.fingerprint.code import parse_module

FOLDERS = [Path(next(iter(package.__path__))) for package in (pipeline, stages)]
MODULES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py") if path.stat().st_size > 500)

REAL_SOURCES = st.sampled_from(MODULES).map(lambda path: path.read_text(encoding="utf-8"))
PATIENT = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def meaning(source: str) -> dict[str, str]:
    return dict(parse_module(source, "stages.module", False).definitions)


def ends_of_statements(source: str) -> list[int]:
    """The numbers of the lines with which a logical line ends: a comment may follow each."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.start[0] for token in tokens if token.type == tokenize.NEWLINE]


@PATIENT
@given(source=REAL_SOURCES, data=st.data())
def test_comments_and_blank_lines_never_change_a_fingerprint(source: str, data: st.DataObject) -> None:
    lines = source.splitlines()
    places = data.draw(st.lists(st.sampled_from(ends_of_statements(source)), max_size=5))
    for place in sorted(places, reverse=True):
        lines[place:place] = data.draw(st.sampled_from([[""], ["# why"], ["        # deep", "", ""], ["\t"]]))
        lines[place - 1] += data.draw(st.sampled_from(["", "  # beside it", "   "]))
    assert meaning("\n".join(lines) + "\n") == meaning(source)


@PATIENT
@given(source=REAL_SOURCES)
def test_another_layout_never_changes_a_fingerprint(source: str) -> None:
    assert meaning(ast.unparse(ast.parse(source))) == meaning(source)


def places_for_docstrings(tree: ast.Module) -> list[list[ast.stmt]]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
    return [node.body for node in ast.walk(tree) if isinstance(node, kinds)]


@PATIENT
@given(source=REAL_SOURCES, data=st.data())
def test_docstrings_never_change_a_fingerprint(source: str, data: st.DataObject) -> None:
    tree = ast.parse(source)
    assume("__doc__" not in source)
    body = data.draw(st.sampled_from(places_for_docstrings(tree)))
    text = ast.Expr(ast.Constant(data.draw(st.sampled_from(["", "Other words.", "Two\n\nparagraphs."]))))
    has_one = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    future = isinstance(body[0], ast.ImportFrom) and body[0].module == "__future__"
    assume(not future)
    body[: 1 if has_one else 0] = [text]
    assert meaning(ast.unparse(tree)) == meaning(source)


def test_comments_docstrings_and_layout_rerun_nothing(toy: Toy) -> None:
    toy.run("all")
    for path in (toy.code / toy.package).rglob("*.py"):
        tree = ast.parse(path.read_text())
        for body in places_for_docstrings(tree):
            if body:
                body.insert(0, ast.Expr(ast.Constant("Said anew.")))
        header = "from __future__ import annotations\n" if "__future__" in path.read_text() else ""
        source = ast.unparse(tree).replace("from __future__ import annotations\n", "")
        path.write_text(f"# a comment\n\n\n{header}{source}  # and another\n")
    assert not toy.plan().stale


def runs(tree: ast.Module) -> list[ast.AST]:
    """Every node that has a part in what happens: no docstrings, nothing for type checkers alone."""
    silent: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent |= {node.value}
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            silent |= {below for statement in node.body for below in ast.walk(statement)}
    return [node for node in ast.walk(tree) if node not in silent]


def changed_constant(value: object) -> object:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case bytes():
            return value + b"x"
        case _:
            return "was nothing"


OPERATORS: dict[type[ast.AST], ast.AST] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.MatMult: ast.Mult(),
    ast.BitOr: ast.BitAnd(),
    ast.BitAnd: ast.BitOr(),
    ast.Mod: ast.Mult(),
    ast.FloorDiv: ast.Div(),
    ast.Pow: ast.Mult(),
    ast.LShift: ast.RShift(),
    ast.RShift: ast.LShift(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
    ast.And: ast.Or(),
    ast.Or: ast.And(),
    ast.Not: ast.UAdd(),
    ast.USub: ast.UAdd(),
}


def change(node: ast.AST) -> bool:
    """Change one thing about a node; False if there is nothing to change."""
    match node:
        case ast.Constant():
            node.value = changed_constant(node.value)
            node.kind = None
        case ast.Name():
            node.id += "_"
        case ast.Attribute():
            node.attr += "_"
        case ast.arg() | ast.keyword() if node.arg:
            node.arg += "_"
        case ast.BinOp() | ast.BoolOp() | ast.UnaryOp() | ast.AugAssign() if type(node.op) in OPERATORS:
            node.op = OPERATORS[type(node.op)]  # type: ignore[assignment]  # one table for all kinds
        case ast.Compare():
            node.ops[0] = OPERATORS[type(node.ops[0])]  # type: ignore[call-overload]  # likewise
        case ast.Return() if node.value is not None:
            node.value = None
        case ast.If() | ast.While() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case _:
            return False
    return True


@settings(PATIENT, max_examples=60)
@given(source=REAL_SOURCES, data=st.data())
def test_a_changed_constant_operator_or_name_always_changes_a_fingerprint(source: str, data: st.DataObject) -> None:
    tree = ast.parse(source)
    node = data.draw(st.sampled_from(runs(tree)))
    assume(change(node))
    assert meaning(ast.unparse(ast.fix_missing_locations(tree))) != meaning(source)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("A = 1", "A = 2", ""),
        ("A = 1", "A = 1.0", ""),
        ("A = 1", "A = True", ""),
        ("A = 'b'", "A = b'b'", ""),
        ("def f(): return 1", "def f(): return 2", "f"),
        ("def f(x=1): return x", "def f(x=2): return x", "f"),
        ("@cache\ndef f(): return 1", "def f(): return 1", "f"),
        ("def f():\n  def g(): return 1\n  return g", "def f():\n  def g(): return 2\n  return g", "f"),
        ("class C:\n  def m(self): return 1", "class C:\n  def m(self): return 2", "C.m"),
        ("class C:\n  async def m(self): return 1", "class C:\n  async def m(self): return 2", "C.m"),
        ("class C:\n  k = 1\n  def m(self): return 1", "class C:\n  k = 2\n  def m(self): return 1", "C"),
        ("class C(A): pass", "class C(B): pass", "C"),
        ("class C:\n  class D:\n    k = 1", "class C:\n  class D:\n    k = 2", "C"),
        ("def f(): return 1\ndef f(): return 2", "def f(): return 1\ndef f(): return 3", "f"),
        ("def f(): return 1\nA = f()", "A = f()\ndef f(): return 1", ""),
        ("if X:\n  def f(): return 1", "if X:\n  def f(): return 2", ""),
        ("f'{a:.2f}'", "f'{a:.3f}'", ""),
        ("f'{a}b'", "f'{a}c'", ""),
    ],
)
def test_the_name_of_what_changed(before: str, after: str, changed: str) -> None:
    first, second = meaning(before), meaning(after)
    assert {name for name in first | second if first.get(name) != second.get(name)} == {changed}


def test_a_docstring_counts_where_the_module_reads_it() -> None:
    assert meaning('"""Usage: a"""\nprint(__doc__)') != meaning('"""Usage: b"""\nprint(__doc__)')
    assert meaning('def f():\n  "a"\nprint(f.__doc__)') != meaning('def f():\n  "b"\nprint(f.__doc__)')


def test_what_only_type_checkers_see_does_not_count() -> None:
    seen = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import a\nelse:\n  import b\n"
    assert meaning(seen) == meaning(seen.replace("import a", "import c"))
    assert meaning(seen) != meaning(seen.replace("import b", "import c"))
    assert "b" in parse_module(seen, "m", False).imports
    assert "a" not in parse_module(seen, "m", False).imports


def test_a_branch_within_a_branch_for_type_checkers_is_followed() -> None:
    source = (
        "if TYPE_CHECKING:\n  import a\nelse:\n  if TYPE_CHECKING:\n    import b\n  else:\n    import c\n    import d"
    )
    assert parse_module(source, "m", False).imports == ("c", "d")


@pytest.mark.parametrize(
    ("source", "module", "is_package", "imports"),
    [
        ("import a.b", "p.m", False, {"a.b"}),
        ("import a.b as c", "p.m", False, {"a.b"}),
        ("from a import b", "p.m", False, {"a", "a.b"}),
        ("from . import b", "p.m", False, {"p", "p.b"}),
        ("from .b import c", "p.q.m", False, {"p.q.b", "p.q.b.c"}),
        ("from ..b import c", "p.q.m", False, {"p.b", "p.b.c"}),
        ("from .b import c", "p.q", True, {"p.q.b", "p.q.b.c"}),
        ("from .. import b", "p.q", True, {"p", "p.b"}),
        ("def f():\n  from a import b", "p.m", False, {"a", "a.b"}),
        ("class C:\n  def f(self):\n    import a", "p.m", False, {"a"}),
        ("try:\n  import a\nexcept ImportError:\n  import b", "p.m", False, {"a", "b"}),
        ("def f():\n  async def g():\n    import a", "p.m", False, {"a"}),
    ],
)
def test_every_import_is_found_wherever_it_stands(
    source: str,
    module: str,
    is_package: bool,  # noqa: FBT001 - a case's column
    imports: set[str],
) -> None:
    assert imports <= set(parse_module(source, module, is_package).imports)


def test_one_thread_parses_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once, as on a Dask worker, fail now and then in Python 3.11: SystemError, recursion depth mismatch."""
    parse, was_locked = ast.parse, []

    def watched(source: str) -> ast.Module:
        was_locked.append(code.PARSING.locked())
        return parse(source)

    monkeypatch.setattr(ast, "parse", watched)
    parse_module("a = 1", "m", False)
    assert was_locked == [True]
