"""Results that are kept and do not become current: the artifacts folder as a trial sees it.

A trial's results are stored, found again and removed like all others. But which of them is current is known to the
trial alone; it begins with what is current for everybody, and whoever reads artifacts/ sees nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.store.damage import Damage
from pipeline.store.store import Generation, Store


class TrialStore(Store):
    """An artifacts folder whose current results are not switched, however this run ends.

    ``intact`` are folders of results that earlier trials of the same sweep have found intact. They are not read again:
    a result never changes, and a stage that runs certifies its inputs in any case.
    """

    def __init__(self, root: Path, intact: set[Path] | None = None) -> None:
        super().__init__(root)
        self._chosen: dict[str, Generation] = {}
        self._intact = set() if intact is None else intact

    def folder(self, stage: str) -> Path:
        return self._chosen[stage].folder if stage in self._chosen else super().folder(stage)

    def current(self, stage: str) -> Generation | None:
        return self._chosen[stage] if stage in self._chosen else super().current(stage)

    def damage(self, generations: Iterable[Generation]) -> dict[Path, tuple[Damage, ...]]:
        """Say what is missing or damaged of finished results, without reading those again that were intact."""
        generations = list(generations)
        found = super().damage([item for item in generations if item.folder not in self._intact])
        self._intact.update(folder for folder, damage in found.items() if not damage)
        return {item.folder: found.get(item.folder, ()) for item in generations}

    def choose(self, stage: str, generation: Path) -> None:
        """Let a stored result be the one that this trial goes on with; nothing is written."""
        self._chosen[stage] = next(item for item in self.stored(stage) if item.folder.name == generation.name)

    def switch(self, stage: str, generation: Path) -> None:
        """Choose a result, and remove the checkpoints of its work."""
        self.choose(stage, generation)
        self.forget_scratch(stage, generation.name)

    def leave_report(self, stage: str, folder: Path) -> None:
        """Leave nothing: the report would lie in somebody else's result."""

    def tidy(self, stage: str) -> None:
        """Leave everything: what lies beside a current result is not this trial's."""
