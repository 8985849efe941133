"""A cache of parsed sources, so that a run with nothing to do parses nothing.

An entry is found by the digest of the source, the module's name, Python's version and the parser itself, so
it can be missing, but never stale. The whole is sealed; a damaged cache counts as empty.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from pipeline.fingerprint import code
from pipeline.fingerprint.code import ModuleCode, parse_module
from pipeline.fingerprint.digest_files import file_digest
from pipeline.fingerprint.values import digest


class _Kept(msgspec.Struct, frozen=True):
    """What is written: parsed modules by their keys, and the distributions that imports come from."""

    modules: dict[str, tuple[dict[str, str], tuple[str, ...]]]
    distributions: dict[str, list[str]]


class _Sealed(msgspec.Struct, frozen=True):
    """The whole, and the digest of its bytes, which tells whether they are undamaged."""

    seal: str
    kept: msgspec.Raw


class ParseCache:
    """Parses modules, or takes them from the cache; ``grown`` says whether there is something new to keep."""

    def __init__(self, kept: bytes = b"") -> None:
        found = _unsealed(kept)
        self._modules, self._distributions = found.modules, found.distributions
        self._used = _Kept({}, {})
        self.grown = False

    def parse(self, source: str, module: str, is_package: bool) -> ModuleCode:  # noqa: FBT001 - as parse_module
        """Return what ``parse_module`` returns."""
        key = digest([self._parser, source, module, is_package])
        if key not in self._modules:
            parsed = parse_module(source, module, is_package)
            self._modules[key] = (dict(parsed.definitions), parsed.imports)
            self.grown = True
        definitions, imports = self._used.modules[key] = self._modules[key]
        return ModuleCode(definitions, imports)

    def distributions_of(self, name: str) -> Sequence[str]:
        """Return the distributions that a top-level import (``PIL``) comes from, none if they are not known yet."""
        if name in self._distributions:
            self._used.distributions[name] = self._distributions[name]
        return self._distributions.get(name, ())

    def keep_distributions(self, found: Mapping[str, Iterable[str]]) -> None:
        """Replace the table of distributions."""
        self._distributions = {name: sorted(set(each)) for name, each in found.items()}
        self.grown = True

    def to_bytes(self) -> bytes:
        """Return what was used this time, to be given to the constructor next time."""
        kept = msgspec.Raw(msgspec.json.encode(self._used))
        return msgspec.json.encode(_Sealed(_seal(kept), kept))

    @cached_property
    def _parser(self) -> list[str]:
        """Identify the parser: another version of it, or of Python, may parse differently."""
        return [sys.version, file_digest(Path(code.__file__))]


def _seal(kept: msgspec.Raw) -> str:
    return hashlib.sha256(kept).hexdigest()


def _unsealed(data: bytes) -> _Kept:
    """Return what was kept; empty if it is damaged or was not written by this software."""
    try:
        found = msgspec.json.decode(data, type=_Sealed)
        if found.seal == _seal(found.kept):
            return msgspec.json.decode(found.kept, type=_Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    return _Kept({}, {})
