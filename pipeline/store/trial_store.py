"""The artifacts folder as a trial of a sweep sees it: its results are kept, but do not become current.

A trial's results are stored, found again and removed like all others. Each trial has its own current results, which are
at first those of artifacts/. Other readers of artifacts/ see no change.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pipeline.store.receipt import Receipt
from pipeline.store.store import Store
from pipeline.store.stored_results import Damages, Generation, read_result


class TrialStore(Store):
    """An artifacts folder whose links are never switched.

    ``intact`` are folders of results that earlier trials of the same sweep have found intact. They are not read again:
    a result never changes, and a stage that runs certifies its inputs in any case.
    """

    def __init__(self, root: Path, intact: set[Path]) -> None:
        super().__init__(root)
        self._chosen: dict[str, Generation] = {}
        self._intact = intact

    def folder(self, stage: str) -> Path:
        return self._chosen[stage].folder if stage in self._chosen else super().folder(stage)

    def current(self, stage: str) -> Generation | None:
        return self._chosen[stage] if stage in self._chosen else super().current(stage)

    def damage(self, generations: Collection[Generation]) -> Damages:
        """Say what is missing or damaged of finished results; those that were intact before are not read again."""
        found = super().damage([item for item in generations if item.folder not in self._intact])
        self._intact.update(folder for folder, damage in found.items() if not damage)
        return {item.folder: found.get(item.folder, ()) for item in generations}

    def choose(self, stage: str, generation: str) -> None:
        """Use a stored result as the current one, in this trial alone; nothing is written."""
        self._chosen[stage] = read_result(self._inner / stage / generation)

    def switch(self, stage: str, generation: str) -> None:
        """Choose a result, and remove the checkpoints of its work."""
        self.choose(stage, generation)
        self.forget_scratch(stage, generation)

    def leave_report(self, stage: str, folder: Path) -> None:
        """Leave no report: it would lie in the current result, which is not this trial's."""

    def tidy(self, stage: str, receipt: Receipt) -> None:
        """Remove nothing: what lies beside a current result is not this trial's."""
