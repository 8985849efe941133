"""Stages as they run, on standard error: bars on a terminal, plain lines elsewhere, nothing if quiet."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pipeline.plan import Action, Decision
from pipeline.render import DONE, banner, figures_text, reasons_text, tell
from pipeline.stage import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from pipeline.run import StageResult


class Terminal:
    """Watches a run for a person; use it as a context, so that the bars end with the block.

    ``transient`` bars vanish then.
    """

    def __init__(self, *, quiet: bool = False, transient: bool = False) -> None:
        self.quiet = quiet
        self._bars: Bars | None = None
        self._transient = transient
        self.live = sys.stderr.isatty() and not quiet and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, text: str) -> None:
        """Show one line above the bars."""
        if self.quiet:
            return
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            tell(text)

    def notice(self, text: str) -> None:
        """Show what must not be overlooked, even if quiet."""
        tell(banner(text))

    def started(self, decision: Decision) -> Progress:
        """Begin a stage's line."""
        if not self.live:
            self.say(f"{decision.stage}: {reasons_text(decision.reasons)}")
            return silent_progress
        bars = self._started_bars()
        return _BarProgress(bars, bars.add_task(decision.stage, total=None, note="", rate=""))

    def finished(self, result: StageResult) -> None:
        """End a stage's line with its time and its figures."""
        if result.action not in {Action.RUN, Action.RESTORE}:
            return
        text = f"{result.stage}: {DONE[result.action]} in {result.seconds:.1f} s"
        figures = figures_text(result.receipt)
        if self._bars is not None and self._bars.task_ids and result.action is Action.RUN:
            task = self._bars.task_ids[-1]
            total = self._bars.tasks[-1].total or 1
            self._bars.update(task, total=total, completed=total, note=figures, rate="")
        else:
            self.say(f"{text}; {figures}" if figures else text)

    def _started_bars(self) -> Bars:
        if self._bars is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress
            from rich.table import Column

            self._bars = RichProgress(
                # a narrow terminal cuts the note, and nothing else
                TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=9)),
                BarColumn(bar_width=10, table_column=Column(no_wrap=True, min_width=10)),
                TextColumn("{task.fields[rate]}", table_column=Column(no_wrap=True, min_width=13, justify="right")),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True, table_column=Column(min_width=5)),
                TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
                expand=True,
                transient=self._transient,
                console=Console(stderr=True),
            )
            self._bars.start()
        return self._bars


def silent_progress(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
    """Take a stage's progress and show nothing."""


class _BarProgress:
    """One stage's bar; it is redrawn ten times a second at the most, however often the stage reports."""

    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task
        self._started = self._drawn = time.monotonic()
        self._first: float | None = None  # where a stage that was killed before goes on

    def __call__(self, done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
        now = time.monotonic()
        if now - self._drawn < 0.1 and done < total:
            return
        self._drawn = now
        if self._first is None:
            self._first, self._started = done, now
        rate = (done - self._first) / max(now - self._started, 1e-9)
        self._bars.update(self._task, total=total, completed=done, note=note, rate=f"{rate:,.0f} {unit}/s")
