"""Make results: a finished folder becomes a generation, and a link makes it the current one.

A result is written in .store/tmp, forced to disk, and given its receipt as the last file. One rename makes it a
generation, and one rename of a link makes that the current one. After a kill at any point, the current result
is the previous one or the new one. docs/decisions/generations.md says why, and docs/receipts.md how.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

from pipeline.files.safe_files import sync
from pipeline.store import receipt as receipts
from pipeline.store.durable_files import exists, is_folder, remove, require_folder, store_errors, write
from pipeline.store.receipt import KEY_DIGITS, Receipt
from pipeline.store.stored_results import FAILED, PARTIAL, StoredResults, read_result


class Generations(StoredResults):
    """Publishes results and makes one of them current; its caller holds the writer's lock."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._temporary = self._inner / "tmp"
        self._scratch = root / ".scratch"

    def publish(self, folder: Path, receipt: Receipt) -> Receipt:
        """Make the files in ``folder`` the current result of their stage; return the receipt that is valid.

        If the same work gave the same bytes before, the earlier result and its receipt stay.
        """
        stage = receipt.work.stage
        home = self._home(stage)
        target = home / receipt.generation
        with store_errors("publish the artifacts", folder):
            _seal(folder, receipt)
            if exists(target):
                stored = read_result(target)
                if is_folder(target) and stored.receipt and self.is_intact(stored):
                    self.switch(stage, target.name)
                    remove(folder)
                    return stored.receipt
                self._rename_and_remove(target)
            folder.rename(target)
            sync(home)
            self.switch(stage, target.name)
            return receipt

    def switch(self, stage: str, generation: str) -> None:
        """Make a stored result the current one: one rename of a link."""
        place = self.folder(stage)
        with store_errors("publish the artifacts", place):
            if place.is_dir() and not place.is_symlink():
                self._keep(stage, place)
            link = self._temporary / f"link-{stage}"
            remove(link)
            link.symlink_to(Path(".store", stage, generation))
            link.replace(place)
            sync(self.root.resolve())
            if receipt := read_result(place).receipt:
                self.tidy(stage, receipt)
            if is_folder(self._scratch / stage):
                shutil.rmtree(self._scratch / stage / generation[:KEY_DIGITS], ignore_errors=True)

    def leave_report(self, stage: str, folder: Path) -> None:
        """Put a failed stage's report beside its last good result, which stays as it is."""
        with store_errors("write the report of the failure", folder):
            files = [path for path in sorted(folder.iterdir()) if path.is_file()]
            if not files:
                return
            current = self.current(stage)
            if current is not None and current.receipt is not None:
                for path in files:
                    if path.name not in _known(current.receipt):
                        path.replace(current.folder / path.name)
            else:
                home = self._home(stage)
                remove(home / FAILED)
                folder.rename(home / FAILED)
                self.switch(stage, FAILED)

    def tidy(self, stage: str, receipt: Receipt) -> None:
        """Remove from a good current result what its ``receipt`` does not name: an earlier failure's report."""
        with store_errors("clean up after an earlier run", self.folder(stage)):
            for entry in self.folder(stage).iterdir():
                if entry.name not in _known(receipt):
                    remove(entry)

    def find_partial(self, stage: str, key: str) -> Path | None:
        """Return the folder of a partial result, None if there is none; one that is damaged is removed."""
        folder = self._inner / stage / PARTIAL / key
        if not all(is_folder(place) for place in (folder.parent.parent, folder.parent, folder)):
            return None
        found = read_result(folder)
        if found.receipt and found.receipt.work.key == key and self.is_intact(found):
            return folder
        self.forget(folder)
        return None

    def publish_partial(self, folder: Path, receipt: Receipt) -> None:
        """Keep the files in ``folder`` as a partial result, in the place of one that has the same key."""
        home = self._home(receipt.work.stage) / PARTIAL
        with store_errors("publish the artifacts", folder):
            home.mkdir(exist_ok=True)
            target = require_folder(home) / receipt.work.key
            _seal(folder, receipt)
            if exists(target):
                self._rename_and_remove(target)
            folder.rename(target)
            sync(home)

    def forget(self, path: Path) -> None:
        """Remove a stored result or a checkpoint for good. It is renamed first, so that no reader sees half of it."""
        with store_errors("remove an earlier result", path):
            self._rename_and_remove(path)

    def _home(self, stage: str) -> Path:
        """Return the folder of a stage's generations, made if it is not there."""
        home = self._inner / stage
        with store_errors("write the artifacts", home):
            home.mkdir(exist_ok=True)
        return require_folder(home)

    def _keep(self, stage: str, place: Path) -> None:
        """Move a folder that is in place of the link, as in a copy of artifacts/, to the stored results."""
        held = read_result(place)
        kept = self._home(stage) / held.receipt.generation if held.receipt else None
        if kept is None or exists(kept):
            self._rename_and_remove(place)
        else:
            place.rename(kept)

    def _rename_and_remove(self, path: Path) -> None:
        away = self._temporary / f"old-{uuid4().hex}"
        path.rename(away)
        remove(away)


def _known(receipt: Receipt) -> set[str]:
    """Return the names of the files in the folder of a good result."""
    return {*receipt.outputs, receipts.FILE_NAME}


def _seal(folder: Path, receipt: Receipt) -> None:
    """Force what a receipt names to disk, and then the receipt itself: it is the last file of a folder."""
    for name in receipt.outputs:
        sync(folder / name)
    write(folder / receipts.FILE_NAME, receipts.to_json(receipt))
    sync(folder)
