"""The fingerprint of code, by meaning: comments, docstrings and layout do not count, everything else does.

A stage's code is the module of its function and of its checks, and every project module that they
import, followed to the end. Each definition has a digest of its own, so that a change can be named:
``stages.mlp.layers.dense.Dense.backward``. Sources are read from disk and parsed, never imported.
The files of a folder ``templates`` beside one of these modules count too, byte by byte.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from pipeline.errors import StageError
from pipeline.fingerprint.digest_files import file_digest
from pipeline.fingerprint.values import digest

ENGINE = "pipeline"
TEMPLATES = "templates"  # the folder of the files that the code reads and that are not Python
INSTALLED = {"site-packages", "dist-packages"}  # packages in these folders are not the project's own

# Python 3.11 counts the depth of a tree for all threads together. If two parse at once, as on a Dask worker, one
# may fail with `SystemError: AST constructor recursion depth mismatch`.
PARSING = Lock()

Parse = Callable[[str, str, bool], "ModuleCode"]


@dataclass(frozen=True, slots=True)
class ModuleCode:
    """What one module defines and what it imports.

    ``definitions`` maps a name within the module (``Dense.backward``; "" for all that stands outside
    functions and classes) to the digest of its meaning. ``imports`` are absolute dotted names, of which
    some may be modules and some names within a module.
    """

    definitions: Mapping[str, str]
    imports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closure:
    """All code that some functions may run.

    ``digests`` maps a definition's full name, or a template (``stages.evaluate.report/templates/page.html``), to its
    digest. ``libraries`` are the top-level names of all imports from outside the project and the standard library
    (``numpy``, ``PIL``).
    """

    digests: Mapping[str, str]
    libraries: frozenset[str]


class CodeReader:
    """Reads modules as they are on disk now, each once. Several closures can share a reader.

    ``parse`` is ``parse_module``, or a cached version of it.
    """

    def __init__(self, parse: Parse | None = None) -> None:
        self._parse = parse or parse_module
        self.folder, self.locate, self.read = cache(_folder), cache(_source_path), cache(self._read)
        self._templates = cache(_templates)

    def _read(self, module: str, folder: Path | None) -> tuple[ModuleCode, dict[str, str]] | None:
        """Return a module's code and the digests of the templates beside it, None if the package has no such module.

        ``folder`` is where its top-level package lies, if anywhere. Raises StageError for a source that is not Python,
        and for a file that cannot be read.
        """
        path = self.locate(module, folder)
        if path is None:
            return None
        is_package = path.name == "__init__.py"
        try:
            code = self._parse(path.read_text(encoding="utf-8"), module, is_package)
            return code, self._templates(module if is_package else module.rpartition(".")[0], path.parent / TEMPLATES)
        except (SyntaxError, UnicodeDecodeError, OSError) as error:
            raise StageError(
                f"the code of {module} cannot be read: {error}", where=str(path), hint="correct this file"
            ) from error


def code_closure(references: Iterable[str], reader: CodeReader | None = None) -> Closure:
    """Follow the imports of ``module:function`` references to the end; raises StageError for what cannot be read."""
    reader = reader or CodeReader()
    waiting = {reference.partition(":")[0] for reference in references}
    folders = {package: reader.folder(package) for package in {name.partition(".")[0] for name in waiting} | {ENGINE}}
    beside = {folder.parent for folder in folders.values() if folder and folder.parent.name not in INSTALLED}
    done: dict[str, list[str]] = {}
    libraries: set[str] = set()
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        found = reader.read(module, folders[module.partition(".")[0]])
        if found is None:  # the name is that of a function or a class
            continue
        code, templates = found
        for name, value in code.definitions.items():
            done.setdefault(f"{module}.{name}" if name else module, []).append(value)
        done.update({name: [value] for name, value in templates.items()})
        for name in set(code.imports) - seen:
            package = name.partition(".")[0]
            if package not in folders:  # a module or a package of the project's own that lies beside the stages
                folders[package] = next((at / package for at in beside if reader.locate(package, at / package)), None)
            if folders[package] is not None:
                waiting.add(name)
            elif package not in sys.stdlib_module_names:
                libraries.add(package)
    # a package may define a function with the name of one of its modules: both count
    digests = {name: values[0] if len(values) == 1 else digest(sorted(values)) for name, values in sorted(done.items())}
    return Closure(digests, frozenset(libraries))


def _templates(package: str, folder: Path) -> dict[str, str]:
    """Return the digest of each file in a package's folder of templates, except hidden ones and editors' backups."""
    return {
        f"{package}/{path.relative_to(folder.parent).as_posix()}": file_digest(path)
        for path in (sorted(folder.rglob("*")) if folder.is_dir() else ())
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith("~")
    }


def _folder(package: str) -> Path | None:
    """Return the folder of a top-level package; finding it imports nothing."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _source_path(module: str, folder: Path | None) -> Path | None:
    """Return the file of a module whose package lies in ``folder``, or None where it has no such module."""
    if folder is None:
        return None
    rest = module.split(".")[1:]
    base = os.path.join(folder, *rest)  # noqa: PTH118 - half the time, hundreds of times
    for path in (f"{base}/__init__.py", f"{base}.py"):
        if os.path.isfile(path):  # noqa: PTH113 - likewise
            return Path(path)
    return None


def parse_module(source: str, module: str, is_package: bool) -> ModuleCode:  # noqa: FBT001 - a fact about the file
    """Parse one module's source into the digests of its definitions and the names it imports."""
    with PARSING:
        tree = ast.parse(source)
    keeps_docstrings = "__doc__" in source and any(
        "__doc__" in (getattr(node, "id", ""), getattr(node, "attr", "")) for node in ast.walk(tree)
    )
    tree = _Normaliser(keeps_docstrings=keeps_docstrings).visit(tree)
    imports = tuple(sorted(set(_imports(tree, module, is_package=is_package))))
    parts: dict[str, list[str]] = {}
    for name, node in _definitions(tree):  # takes the tree apart
        parts.setdefault(name, []).append(ast.dump(node))
    return ModuleCode(
        definitions={name: digest(dumps) for name, dumps in parts.items()},
        imports=imports,
    )


class _Normaliser(ast.NodeTransformer):
    """Drops what has no meaning when the code runs: docstrings, and imports for type checkers."""

    def __init__(self, *, keeps_docstrings: bool) -> None:
        self.keeps_docstrings = keeps_docstrings

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop a text that stands alone, unless the module reads its own ``__doc__``."""
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text and not self.keeps_docstrings else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        """Drop ``if TYPE_CHECKING:``, which never runs; its else branch does."""
        is_name = isinstance(node.test, ast.Name | ast.Attribute)
        if is_name and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            self.generic_visit(node)
            return node.orelse
        return self.generic_visit(node)


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield each function, each method, each class without its methods, and the module without all these.

    The name of a part that is taken out stays in its place, so that the order still counts.
    """
    rest: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
            rest.append(_placeholder(node.name))
        elif isinstance(node, ast.ClassDef):
            body: list[ast.stmt] = []
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{member.name}", member
                    body.append(_placeholder(member.name))
                else:
                    body.append(member)
            node.body = body
            yield node.name, node
            rest.append(_placeholder(node.name))
        else:
            rest.append(node)
    yield "", ast.Module(body=rest, type_ignores=[])


def _placeholder(name: str) -> ast.stmt:
    return ast.Expr(ast.Name(name, ast.Load()))


def _imports(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[str]:
    """Yield the absolute names of everything imported, functions' own imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                kept = package[: len(package) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            yield base
            for alias in node.names:
                yield f"{base}.{alias.name}"
