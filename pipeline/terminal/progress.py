"""Stages as they run, on standard error: a line for each on a terminal, plain lines elsewhere, only notices if quiet.

A stage's line has its name, a bar, the rate, the time left, and a note (the accuracy so far); when it is done,
the time that it took and its figures. A narrow terminal cuts the end of the line, and nothing else. Elsewhere, as in
a log, a stage that takes long says twice a minute how far it is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pipeline.planning.reasons import STALE, Action, reasons_text
from pipeline.planning.staleness import Decision
from pipeline.printable_text import visible
from pipeline.task import Progress
from pipeline.terminal.output import notify, notify_banner
from pipeline.terminal.plan_view import DONE, figures_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.live import Live
    from rich.text import Text

    from pipeline.execution.run import StageResult

REDRAWN = 10  # times a second
WIDE = 92  # columns: the bar is long if there are so many
SETTLED = 0.5  # seconds before a rate means anything
SPACING = 30.0  # seconds between two plain lines of a stage


@dataclass(slots=True)
class Line:
    """One stage as it runs; the times are those of a clock that only goes forward."""

    name: str
    started: float
    done: float = 0.0
    total: float = 0.0  # 0 until the stage says how much there is
    first: float = 0.0  # what was done at its first report: a killed stage goes on where it was
    first_reported: float = 0.0
    last_reported: float = 0.0
    unit: str = ""
    note: str = ""
    seconds: float | None = None  # that it took, once it is done
    outcome: str = "ran"

    def report(self, done: float, total: float, unit: str, note: str, now: float) -> None:
        """Note how far the stage is."""
        if not self.first_reported:
            self.first, self.first_reported = done, now
        self.done, self.total, self.unit, self.note, self.last_reported = done, total, unit, note, now

    def rate(self) -> float:
        """How many units a second; 0 while that is not known."""
        seconds = self.last_reported - self.first_reported
        return (self.done - self.first) / seconds if seconds >= SETTLED else 0.0

    def texts(self, now: float) -> tuple[str, str]:
        """The rate and the time left, or else the time that has passed."""
        rate = self.rate()
        if not rate:
            return "", clock(now - self.started)
        left = (self.total - self.done) / rate - (now - self.last_reported)
        shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
        return f"{shown} {self.unit}/s", f"{clock(max(0.0, left))} left"


def clock(seconds: float) -> str:
    """Write a time as 0:07, 12:30 or 1:02:03."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def draw_line(line: Line, columns: int, now: float) -> Text:
    """Draw a stage's line, at most ``columns`` wide."""
    from rich.text import Text

    name = f"{line.name:<9}"
    if line.seconds is not None:
        text = Text.assemble((name, "bold"), " ", (line.outcome, "green"), f" in {line.seconds:.1f} s")
        text.append(f"  {visible(line.note)}" if line.note else "")
    else:
        length = 20 if columns >= WIDE else 10
        filled = round(length * line.done / line.total) if line.total else 0
        rate, left = line.texts(now)
        bar = (("━" * filled, "cyan"), ("─" * (length - filled), "dim"))
        text = Text.assemble((name, "bold"), " ", *bar, f" {rate:>11} {left:>9}  ", visible(line.note))
    text.truncate(columns, overflow="ellipsis")
    return text


class PlainProgress:
    """Logs now and then how far a stage is; ``timer`` returns seconds and only goes forward."""

    def __init__(self, name: str, log: Callable[[str], None], timer: Callable[[], float] = time.monotonic) -> None:
        self._log, self._timer = log, timer
        self._line = Line(name, timer())
        self._logged = self._line.started

    def __call__(self, done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
        now = self._timer()
        self._line.report(done, total, unit, note, now)
        if now - self._logged >= SPACING:
            self._logged = now
            left = self._line.texts(now)[1] if self._line.rate() else ""
            parts = (f"{self._line.name}: {done:,.0f} of {total:,.0f} {unit}", note, left)
            self._log("; ".join(part for part in parts if part))


class Terminal:
    """Shows a run to a person. Use it as a context: at its end the lines stop moving.

    When a run succeeds, the lines make room for the table of its results if that is shown on the same screen;
    ``transient`` lines vanish in any case.
    """

    def __init__(self, *, quiet: bool = False, transient: bool = False) -> None:
        self.quiet = quiet
        self.notices: list[str] = []
        self.live = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
        self._transient = transient
        self._lines: list[Line] = []
        self._screen: Live | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Draw all lines, as Rich asks for again and again."""
        now = time.monotonic()
        for line in self._lines:
            yield draw_line(line, options.max_width, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None:
            self._screen.transient = self._transient or (error is None and sys.stdout.isatty())
            self._screen.stop()

    def log(self, text: str) -> None:
        """Show one line above those of the stages."""
        if self.quiet:
            return
        if self._screen is not None:
            self._screen.console.print(visible(text), markup=False, highlight=False, soft_wrap=True)
        else:
            notify(text)

    def notice(self, text: str) -> None:
        """Show what must not be overlooked, even if quiet."""
        self.notices.append(text)
        notify_banner(text)

    def started(self, decision: Decision) -> Progress:
        """Begin a stage's line."""
        if not self.live:
            self.log(f"{decision.stage}: {reasons_text(decision.reasons)}")
        return self.begin(decision.stage)

    def begin(self, name: str) -> Progress:
        """Begin the line of anything that takes long, and return where it reports its progress."""
        if not self.live:
            return PlainProgress(name, self.log)
        line = Line(name, time.monotonic())
        self._lines = [*(earlier for earlier in self._lines if earlier.seconds is not None), line]
        if self._screen is None:
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True)
            self._screen = Live(self, console=console, refresh_per_second=REDRAWN, vertical_overflow="visible")
            self._screen.start(refresh=True)  # a line that is printed before the first drawing would run into it

        def progress(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
            line.report(done, total, unit, note, time.monotonic())

        return progress

    def finished(self, result: StageResult) -> None:
        """End a stage's line with its time and its figures."""
        if result.action not in STALE:
            return
        figures, outcome = figures_text(result.receipt), DONE[result.action]
        if not self.live:
            text = f"{result.stage}: {outcome} in {result.seconds:.1f} s"
            self.log(f"{text}; {figures}" if figures else text)
            return
        if result.action is Action.RESTORE:
            self.begin(result.stage)
        line = self._lines[-1]
        line.seconds, line.outcome, line.note = result.seconds, outcome, figures
