"""How text reaches the terminal: results on standard output, everything else on standard error.

Every line passes through ``visible``: a name from outside can neither control the terminal nor look like our line.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from pipeline.printable_text import readable_json, visible
from pipeline.terminal.commands_as_typed import as_typed

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.errors import PipelineError

HINT = "  hint:  "
MARKS = {"error:": "1;31", "warning:": "1;33"}  # bold red, bold yellow
UNSAFE_IN_JSON = "[\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]"  # C1 and bidi controls


def echo(*lines: str) -> None:
    """Print lines of results on standard output."""
    for line in lines:
        print(visible(line))  # noqa: T201 - the one place that does


def notify(*lines: str) -> None:
    """Print lines for people on standard error; a terminal with colours shows marks such as ``error:`` in colour.

    The commands that a hint names get the options of this call.
    """
    has_marks = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    for line in (visible(as_typed(line) if line.startswith(HINT) else line) for line in lines):
        mark, _, rest = line.partition(" ")
        shown = f"\x1b[{MARKS[mark]}m{mark}\x1b[0m {rest}" if mark in MARKS and has_marks else line
        print(shown, file=sys.stderr, flush=True)  # noqa: T201 - the one place that does


def notify_error(error: PipelineError) -> None:
    """Print an error as one block on standard error."""
    first, *others = error.lines()
    notify(f"error: {first}", *others)


def notify_stale(what: str, why: str, hint: str) -> None:
    """Warn that a result is not what a run would make now."""
    notify(f"warning: {what} is not up to date", f"  why:   {as_typed(why)}", f"{HINT}{hint}")


def notify_banner(text: str) -> None:
    """Print an important notice on standard error, in a frame."""
    lines = as_typed(text).split("\n")
    rule = "=" * min(columns_of(sys.stderr), max(map(len, lines)))
    notify(rule, *lines, rule)


def print_json(value: object) -> None:
    """Print one JSON document on standard output; control characters are written as escapes of JSON."""
    import json  # most commands print none

    is_unicode = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    text = readable_json(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
    if not is_unicode:
        text = json.dumps(json.loads(text), indent=2)
    print(re.sub(UNSAFE_IN_JSON, lambda found: f"\\u{ord(found[0]):04x}", text))  # noqa: T201 - JSON is of several lines


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str] = ()) -> None:
    """Print a table on standard output, as wide as the terminal allows; never cut, but wrapped or stacked."""
    from pipeline.terminal.table import draw_table

    draw_table(console(), columns, [[visible(cell) for cell in row] for row in rows], numbers)


def console() -> Console:
    """Return the standard output as something that knows its width, and whether it has colours."""
    from rich.console import Console

    return Console(file=sys.stdout, width=columns_of(sys.stdout), highlight=False)


def columns_of(stream: TextIO) -> int:
    """Return how wide a stream is: as the variable COLUMNS says, or the terminal, or else 120 columns."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):  # not a terminal, or not a file
        return 120


def has_colours(screen: Console) -> bool:
    """Whether greys and blocks can be drawn: on a terminal with colours, unless colours are turned off."""
    return screen.is_terminal and screen.color_system is not None and not screen.no_color and screen.encoding == "utf-8"
