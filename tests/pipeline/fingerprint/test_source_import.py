"""What runs is what stands in the source, whatever older bytecode lies beside it."""

from __future__ import annotations

import importlib
import os
import py_compile
import sys
from pathlib import Path

import pytest

from pipeline.fingerprint.source_import import import_from_source


@pytest.mark.parametrize("protected", [True, False])
def test_bytecode_of_an_edit_within_the_same_second_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, protected: bool
) -> None:
    package = f"stale_{protected}".lower()
    (tmp_path / package).mkdir()
    module = tmp_path / package / "constant.py"
    module.write_text("VALUE = 1\n")
    (tmp_path / package / "__init__.py").touch()
    os.utime(module, (1_000_000_000, 1_000_000_000))
    py_compile.compile(str(module))
    module.write_text("VALUE = 9\n")
    os.utime(module, (1_000_000_000, 1_000_000_000))
    monkeypatch.syspath_prepend(str(tmp_path))
    if protected:
        import_from_source(f"{package}.constant:function")
    value = importlib.import_module(f"{package}.constant").VALUE
    assert value == (9 if protected else 1)  # 1 shows that the danger is real
    del sys.modules[f"{package}.constant"], sys.modules[package]
