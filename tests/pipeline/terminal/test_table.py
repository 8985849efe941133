"""Tables in a narrow terminal: lines break between words, and never between a number and its unit."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.terminal.table import draw_table


@pytest.mark.parametrize("width", [10, 22, 24, 30])
def test_a_percentage_is_never_broken(width: int) -> None:
    screen = Console(file=io.StringIO(), width=width)
    draw_table(screen, ("run", "figures"), [("1", "accuracy 98.61 %, loss 0.05")], numbers=())
    assert isinstance(screen.file, io.StringIO)
    assert "98.61 %" in screen.file.getvalue()
