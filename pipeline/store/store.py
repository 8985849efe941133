"""The only file that writes results below artifacts/: generations, an atomic switch, receipts, and pieces of results.

    artifacts/train               -> .store/train/<generation>      the current result, a link
    artifacts/.store/train/<generation>/                            files and receipt.json, never changed again
    artifacts/.store/train/pieces/<key>/                            finished pieces of results, each with its receipt
    artifacts/.store/tmp/                                           what is being written; emptied by the next writer
    artifacts/.scratch/train/<key>/                                 checkpoints of unfinished work

A result is written in tmp, forced to disk, and given its receipt as the last file; one rename makes it a
generation, and one rename of a link makes that the current one. A kill at any point leaves the previous
result in place or the new one. docs/decisions/generations.md says why, and docs/receipts.md how.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pipeline.errors import StoreError
from pipeline.fingerprint.digests import file_digests
from pipeline.store import receipt as receipts
from pipeline.store.damage import Damage, DamageKind
from pipeline.store.disk import exists, explained, is_folder, own_folder, regular_size, remove, size_of, sync, write
from pipeline.store.receipt import Receipt

FAILED = "failed"  # the folder of a stage that has failed and has no result yet: a report and no receipt
PIECES = "pieces"  # the folder of a stage's finished pieces


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished result on disk; ``receipt`` is None where it cannot be read, and ``problem`` says why."""

    folder: Path
    receipt: Receipt | None
    problem: str = ""


class Store:
    """The artifacts folder. Reading needs no lock; everything that writes needs the writer's lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._inner = root / ".store"
        self._temporary = self._inner / "tmp"
        self._scratch = root / ".scratch"

    # reading ---------------------------------------------------------------------------------------

    @property
    def lock_path(self) -> Path:
        return self.root / ".lock"

    def folder(self, stage: str) -> Path:
        """Return the folder in which a stage's current files are found: the stable path."""
        return self.root / stage

    def current(self, stage: str) -> Generation | None:
        """Return the current result of a stage, None where there is none."""
        place = self.folder(stage)
        with explained("read the artifacts", place):
            try:
                mode = place.lstat().st_mode
            except FileNotFoundError:
                return None
            if stat.S_ISLNK(mode):
                target = place.readlink()
                if target.parent != Path(".store", stage) or not is_folder(self._inner / stage):
                    return Generation(place, None, "it is a link to somewhere else")
                if not is_folder(self.root / target):
                    return Generation(place, None, "its files are gone")
                if target.name == FAILED:
                    return None
                return _read(self.root / target)
            if not stat.S_ISDIR(mode):
                raise StoreError("a file stands where a stage's folder should be", where=str(place), hint="move it")
            # a folder instead of a link: a copy of artifacts/ that followed links
            if regular_size(place / receipts.FILE_NAME) is None:
                raise StoreError(
                    f"this folder stands where the results of {stage} should be linked, and no stage made it",
                    where=str(place),
                    hint="move it away",
                )
            return _read(place)

    def stored(self, stage: str) -> tuple[Generation, ...]:
        """Return all stored results of a stage, readable or not."""
        place = self._inner / stage
        with explained("read the artifacts", place):
            if not is_folder(self._inner) or not is_folder(place):
                return ()
            folders = sorted(folder for folder in place.iterdir() if is_folder(folder))
            return tuple(_read(folder) for folder in folders if folder.name not in {FAILED, PIECES})

    def generations(self, stage: str) -> tuple[Generation, ...]:
        """Return all stored results of a stage with a readable receipt, the newest first."""
        good = [
            (item.receipt.finished, item)
            for item in self.stored(stage)
            if item.receipt and (stage, item.folder.name) == (item.receipt.work.stage, item.receipt.generation)
        ]
        return tuple(item for _, item in sorted(good, key=lambda pair: pair[0], reverse=True))

    def pieces(self, stage: str) -> tuple[Generation, ...]:
        """Return all finished pieces of a stage's results, readable or not."""
        place = self._inner / stage / PIECES
        with explained("read the artifacts", place):
            if not is_folder(place.parent) or not is_folder(place):
                return ()
            return tuple(_read(folder) for folder in sorted(place.iterdir()) if is_folder(folder))

    def code_of(self, stage: str, generation: str) -> Mapping[str, str] | None:
        """Return the digests of the functions that made a stored result, None if it is gone."""
        receipt = _read(self._inner / stage / generation).receipt
        return receipt.work.code if receipt else None

    def damage(self, generations: Iterable[Generation]) -> dict[Path, tuple[Damage, ...]]:
        """Hash the files of finished results, side by side, and say by folder what is missing or damaged."""
        wanted: dict[Path, tuple[Path, str, str]] = {}
        problems: dict[Path, list[Damage]] = {}
        for generation in {item.folder: item for item in generations}.values():
            found = problems.setdefault(generation.folder, [])
            if generation.receipt is None:
                found.append(Damage(DamageKind.RECEIPT_UNREADABLE, generation.problem))
                continue
            for name, output in generation.receipt.outputs.items():
                path = generation.folder / name
                subject = f"{generation.receipt.work.stage}/{name}"
                size = regular_size(path)
                if size is None:
                    found.append(Damage(DamageKind.OUTPUT_MISSING, subject))
                elif size != output.size:
                    found.append(Damage(DamageKind.OUTPUT_DAMAGED, subject))
                else:
                    wanted[path] = (generation.folder, subject, output.bytes)
        with explained("read the artifacts", self.root):
            digests = file_digests(wanted)
        for path, (folder, subject, expected) in wanted.items():
            if digests[path] != expected:
                problems[folder].append(Damage(DamageKind.OUTPUT_DAMAGED, subject))
        return {folder: tuple(found) for folder, found in problems.items()}

    def recall(self, name: str) -> bytes:
        """Return what ``remember`` kept under a name, nothing if there is none."""
        path = self._inner / name
        try:
            return path.read_bytes() if regular_size(path) is not None else b""
        except OSError:
            return b""

    # writing ---------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the folders, needed before the lock can be taken; raises StoreError where that cannot be."""
        with explained("make the artifacts folder", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self._inner, self._temporary, self._scratch):
                folder.mkdir(exist_ok=True)
                own_folder(folder)
            if not os.access(self._temporary, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self._temporary))

    def sweep_up(self) -> None:
        """Remove what killed runs left unfinished; checkpoints stay."""
        with explained("clean up after an earlier run", self._temporary):
            for entry in self._temporary.iterdir():
                remove(entry)

    def remember(self, name: str, data: bytes) -> None:
        """Keep something that saves time and that nobody needs; a crash may lose it."""
        fresh = self._temporary / f"{name}-{uuid4().hex}"
        with explained("write the artifacts", fresh):
            fresh.write_bytes(data)
            fresh.replace(self._inner / name)

    def begin(self, stage: str) -> Path:
        """Return a new folder in which a stage may write."""
        with explained("write the artifacts", self._temporary):
            folder = self._temporary / f"{stage}-{uuid4().hex}"
            folder.mkdir()
            return folder

    def scratch(self, stage: str, key: str) -> Path:
        """Return the folder of a piece of work that outlives a kill, made if it is not there."""
        folder = self._scratch / stage / key[:16]
        with explained("write the artifacts", folder):
            for path in (folder.parent, folder):
                path.mkdir(exist_ok=True)
                own_folder(path)
        return folder

    def forget_scratch(self, stage: str, key: str) -> None:
        """Remove the checkpoints of a piece of work: out of sight first, for a job may be writing one."""
        with explained("remove a checkpoint", self._scratch):
            if exists(self._scratch / stage / key[:16]):
                self._set_aside(self._scratch / stage / key[:16])

    def publish(self, folder: Path, receipt: Receipt) -> Receipt:
        """Make the files in ``folder`` the current result of their stage; return the receipt that stands.

        Where the same work gave the same bytes before, that result stands, and so does its receipt.
        """
        stage = receipt.work.stage
        home = self._home(stage)
        target = home / receipt.generation
        with explained("publish the artifacts", folder):
            _seal(folder, receipt)
            if exists(target):
                stored = _read(target)
                if is_folder(target) and stored.receipt and not any(self.damage([stored]).values()):
                    self.switch(stage, target)
                    remove(folder)
                    return stored.receipt
                self._set_aside(target)
            folder.rename(target)
            sync(home)
            self.switch(stage, target)
            return receipt

    def find_piece(self, stage: str, key: str) -> Path | None:
        """Return the folder of a finished piece, None if there is none; one that is damaged is removed."""
        folder = self._inner / stage / PIECES / key
        if not all(is_folder(place) for place in (folder.parent.parent, folder.parent, folder)):
            return None
        piece = _read(folder)
        if piece.receipt and piece.receipt.work.key == key and not any(self.damage([piece]).values()):
            return folder
        self.forget(folder)
        return None

    def publish_piece(self, folder: Path, receipt: Receipt) -> None:
        """Keep the files in ``folder`` as a finished piece, in the place of one that has the same key."""
        home = self._home(receipt.work.stage) / PIECES
        with explained("publish the artifacts", folder):
            home.mkdir(exist_ok=True)
            target = own_folder(home) / receipt.work.key
            _seal(folder, receipt)
            if exists(target):
                self._set_aside(target)
            folder.rename(target)
            sync(home)

    def switch(self, stage: str, generation: Path) -> None:
        """Make a stored result the current one: one rename of a link."""
        place = self.folder(stage)
        with explained("publish the artifacts", place):
            if place.is_dir() and not place.is_symlink():
                self._keep(stage, place)
            link = self._temporary / f"link-{stage}"
            remove(link)
            link.symlink_to(Path(".store", stage, generation.name))
            link.replace(place)
            sync(self.root.resolve())
            self.tidy(stage)
            if is_folder(self._scratch / stage):
                shutil.rmtree(self._scratch / stage / generation.name[:16], ignore_errors=True)

    def leave_report(self, stage: str, folder: Path) -> None:
        """Put a failed stage's report beside its last good result, which stays as it is."""
        with explained("write the report of the failure", folder):
            files = [path for path in sorted(folder.iterdir()) if path.is_file()]
            current = self.current(stage)
            if files and current is not None and current.receipt is not None:
                kept = {*current.receipt.outputs, receipts.FILE_NAME}
                for path in files:
                    if path.name not in kept:
                        path.replace(current.folder / path.name)
            elif files:
                home = self._home(stage)
                remove(home / FAILED)
                folder.rename(home / FAILED)
                self.switch(stage, home / FAILED)

    def tidy(self, stage: str) -> None:
        """Remove from a good result what its receipt does not name: an earlier failure's report."""
        current = self.current(stage)
        if current is None or current.receipt is None:
            return
        known = {*current.receipt.outputs, receipts.FILE_NAME}
        with explained("clean up after an earlier run", current.folder):
            for entry in current.folder.iterdir():
                if entry.name not in known:
                    remove(entry)

    def discard(self, folder: Path) -> None:
        """Remove what a stage wrote and may not publish."""
        remove(folder)

    def disposable(self, stage: str, keep: int) -> list[tuple[Path, int]]:
        """List with their sizes in bytes the stored results beyond the newest ``keep``, unreadable and unfinished work.

        The current result is never among them, nor are the pieces that it or one of the newest was made of.
        """
        current = self.current(stage)
        generations = self.generations(stage)
        good = [item.folder for item in generations]
        useless = [item.folder for item in self.stored(stage) if item.folder not in good]
        old = [folder for folder in (*good[keep:], *useless) if current is None or folder != current.folder]
        kept = [item.receipt for item in (current, *generations[:keep]) if item and item.receipt]
        used = {key for receipt in kept for key in receipt.pieces}
        old += [piece.folder for piece in self.pieces(stage) if piece.folder.name not in used]
        unfinished = sorted((self._scratch / stage).iterdir()) if is_folder(self._scratch / stage) else []
        return [(path, size_of(path)) for path in (*old, *unfinished)]

    def forget(self, path: Path) -> None:
        """Remove a stored result or a checkpoint for good: out of sight first, so that no half of it is ever seen."""
        with explained("remove an earlier result", path):
            self._set_aside(path)

    def _home(self, stage: str) -> Path:
        """Return the folder of a stage's generations, made if it is not there."""
        home = self._inner / stage
        with explained("write the artifacts", home):
            home.mkdir(exist_ok=True)
        return own_folder(home)

    def _keep(self, stage: str, place: Path) -> None:
        """Move a copied folder, which stands in a link's place, to where results are kept."""
        held = _read(place)
        kept = self._home(stage) / held.receipt.generation if held.receipt else None
        if kept is None or exists(kept):
            self._set_aside(place)
        else:
            place.rename(kept)

    def _set_aside(self, path: Path) -> None:
        away = self._temporary / f"old-{uuid4().hex}"
        path.rename(away)
        remove(away)


def _seal(folder: Path, receipt: Receipt) -> None:
    """Force what a receipt names to disk, and then the receipt itself: it is the last file of a folder."""
    for name in receipt.outputs:
        sync(folder / name)
    write(folder / receipts.FILE_NAME, receipts.to_json(receipt))
    sync(folder)


def _read(folder: Path) -> Generation:
    """Read the receipt in a folder; what is wrong with it is told, not raised."""
    path = folder / receipts.FILE_NAME
    if regular_size(path) is None:
        return Generation(folder, None, "there is none")
    try:
        return Generation(folder, receipts.from_json(path.read_bytes()))
    except StoreError as error:
        return Generation(folder, None, error.what)
    except OSError as error:
        return Generation(folder, None, error.strerror or str(error))
