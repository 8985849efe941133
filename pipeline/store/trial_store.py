"""Results that are kept and do not become current: the artifacts folder as a trial sees it.

A trial's results are stored, found again and removed like all others. But which of them is current is known to the
trial alone; it begins with what is current for everybody, and whoever reads artifacts/ sees nothing of it.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.store.store import Generation, Store


class TrialStore(Store):
    """An artifacts folder whose current results are not switched, however this run ends."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._chosen: dict[str, Generation] = {}

    def folder(self, stage: str) -> Path:
        return self._chosen[stage].folder if stage in self._chosen else super().folder(stage)

    def current(self, stage: str) -> Generation | None:
        return self._chosen[stage] if stage in self._chosen else super().current(stage)

    def switch(self, stage: str, generation: Path) -> None:
        """Let a stored result be the one that this trial goes on with."""
        self._chosen[stage] = next(item for item in self.stored(stage) if item.folder.name == generation.name)
        self.forget_scratch(stage, generation.name)

    def leave_report(self, stage: str, folder: Path) -> None:
        """Leave nothing: the report would lie in somebody else's result."""

    def tidy(self, stage: str) -> None:
        """Leave everything: what lies beside a current result is not this trial's."""
