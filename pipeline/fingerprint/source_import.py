"""Import a project's modules from their sources, never from bytecode.

Python uses a .pyc if the source's size and its time in whole seconds agree. So after an edit within a second, or
one that kept the time, the old code would run under the new code's fingerprint.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType


class _SourceLoader(SourceFileLoader):
    """Compiles the source file."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _SourceFinder:
    """Finds the modules of some packages where the usual finder does, and loads them from source."""

    def __init__(self) -> None:
        self.packages: set[str] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002 - the signature of a finder
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self.packages:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _SourceLoader(spec.loader.name, spec.loader.path)
        return spec


_FINDER = _SourceFinder()


def import_from_source(reference: str) -> None:
    """From now on, import the modules of the package of ``module:function`` from source."""
    _FINDER.packages.add(reference.partition(":")[0].partition(".")[0])
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
