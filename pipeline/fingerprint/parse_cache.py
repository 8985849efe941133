"""Remember what was parsed from a source, so that a run with nothing to do parses nothing.

An entry is found by the digest of the source, the module's name, Python's version and the parser itself, so
it can be missing or right, but not stale. The whole is closed with a seal; a damaged memory is forgotten.
"""

from __future__ import annotations

import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.fingerprint import code
from pipeline.fingerprint.code import ModuleCode, parse_module
from pipeline.fingerprint.digests import digest, file_digest


class CodeMemory:
    """Parses modules, or recalls them; ``grown`` tells whether there is something new to keep."""

    def __init__(self, kept: bytes = b"") -> None:
        self._entries = _unsealed(kept)
        self._used: dict[str, Any] = {}
        self.grown = False

    def parse(self, source: str, module: str, is_package: bool) -> ModuleCode:  # noqa: FBT001 - as parse_module
        """Return what ``parse_module`` returns."""
        key = digest([self._parser, source, module, is_package])
        if key not in self._entries:
            parsed = parse_module(source, module, is_package)
            self._entries[key] = [dict(parsed.definitions), list(parsed.imports)]
            self.grown = True
        definitions, imports = self._used[key] = self._entries[key]
        return ModuleCode(definitions, tuple(imports))

    def to_bytes(self) -> bytes:
        """Return what was used this time, to be given to the constructor next time."""
        return json.dumps([self._used, digest(["code memory", self._used])]).encode()

    @cached_property
    def _parser(self) -> list[str]:
        """Identify what does the parsing: another Python or another parser may see another meaning."""
        return [sys.version, file_digest(Path(code.__file__))]


def _unsealed(kept: bytes) -> dict[str, Any]:
    """Return the entries, none if they are damaged."""
    try:
        entries, seal = json.loads(kept)
    except (ValueError, TypeError):
        return {}
    return entries if isinstance(entries, dict) and seal == digest(["code memory", entries]) else {}
