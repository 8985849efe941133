"""A table as plain text, for ``print``."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A line for each row; the first column is aligned left, the others right.

    Examples
    --------
    >>> print(text_table(["layer", "values"], [["dense", "1,024"], ["relu", "8"]]))
    layer  values
    dense   1,024
    relu        8
    """
    table = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for first, *others in table:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append(GAP.join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)
