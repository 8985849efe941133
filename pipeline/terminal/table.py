"""Tables as wide as the terminal. Columns wrap between words; where words would not fit, a row takes several lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

GAP = "  "
GLUE = "\ue000"  # replaces a space that must not break a line, while Rich lays out a table
BETWEEN = 3  # columns of a terminal from one column of a table to the next


def draw_table(screen: Console, columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str]) -> None:
    """Draw a table on a screen; the columns named in ``numbers`` end at the right. Nothing is ever cut."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    rows = [[re.sub(r"(?<=\d) %", f"{GLUE}%", cell) for cell in row] for row in rows]
    cells = [[name, *(row[index] for row in rows)] for index, name in enumerate(columns)]
    least = [max(len(word) for cell in column for word in (cell.split() or [""])) for column in cells]
    most = [max(len(line) for cell in column for line in (cell.splitlines() or [""])) for column in cells]
    room = screen.width - BETWEEN * (len(columns) - 1) - sum(least)
    if room < 0:
        for row in rows:
            for line in stacked(columns, row, screen.width):
                screen.print(Text(line.replace(GLUE, " ")), soft_wrap=True)
        return
    share = min(1, room / max(1, sum(most) - sum(least)))  # Rich would narrow the widest column, and break its words
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, low, high in zip(columns, least, most, strict=True):
        table.add_column(
            name,
            justify="right" if name in numbers else "left",
            overflow="fold",
            width=low + int((high - low) * share),
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    with screen.capture() as drawn:
        screen.print(table)
    screen.file.write(drawn.get().replace(GLUE, " "))


def stacked(columns: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """Yield one row as lines of ``column value``, as many beside each other as ``width`` holds; no word is broken."""
    lines = [""]
    for name, cell in zip(columns, row, strict=True):
        text = " ".join([name, *cell.split()])
        if not cell:
            continue
        if lines[-1] and len(lines[-1]) + len(GAP) + len(text) > width:
            lines.append(GAP + text)
        else:
            lines[-1] += GAP + text if lines[-1] else text
    for line in lines:
        yield from wrap(line, width, subsequent_indent=GAP * 2, break_long_words=False, break_on_hyphens=False)
