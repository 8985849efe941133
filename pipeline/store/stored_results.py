"""Find results in artifacts/: the current one of a stage, and those that are kept. Nothing is written here.

    artifacts/train               -> .store/train/<generation>      the current result, a link
    artifacts/.store/train/<generation>/                            files and receipt.json, never changed again
    artifacts/.store/train/partial_results/<key>/                   partial results, each with its receipt

A generation's name begins with the first digits of its work's key, so a result of known work is found by name.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.files.paths import require_folder_or_nothing
from pipeline.fingerprint.digest_files import file_digests
from pipeline.store import receipt as receipts
from pipeline.store.durable_files import exists, is_folder, reading, regular_size, status
from pipeline.store.receipt import KEY_DIGITS, Damage, DamageKind, Receipt

FAILED = "failed"  # the folder of a stage that has failed and has no result yet: a report and no receipt
PARTIAL = "partial_results"  # the folder of a stage's partial results

Damages = Mapping[Path, tuple[Damage, ...]]  # what is wrong with each result, by its folder


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished result on disk; ``receipt`` is None where it cannot be read, and ``problem`` says why."""

    folder: Path
    receipt: Receipt | None
    problem: str = ""


class StoredResults:
    """The results in an artifacts folder. Reading needs no lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._inner = root / ".store"
        self._cache = self._inner / "code.json"  # the cache of parsed code

    def folder(self, stage: str) -> Path:
        """Return the folder in which a stage's current files are found: the stable path."""
        return self.root / stage

    def has_results(self) -> bool:
        """Whether any stage has a current result, readable or not."""
        return any(self.root.glob(f"*/{receipts.FILE_NAME}"))

    def current(self, stage: str) -> Generation | None:
        """Return the current result of a stage, None where there is none."""
        place = self.folder(stage)
        with reading(place):
            found = status(place)
            if found is None:
                require_folder_or_nothing(self.root)
                return None
            if stat.S_ISLNK(found.st_mode):
                return self._linked(stage, place)
            if not stat.S_ISDIR(found.st_mode):
                raise StoreError("a file stands where a stage's folder should be", where=str(place), hint="move it")
            # a folder instead of a link: a copy of artifacts/ that followed links
            if regular_size(place / receipts.FILE_NAME) is None:
                raise StoreError(
                    f"this folder stands where the results of {stage} should be linked, and no stage made it",
                    where=str(place),
                    hint="move it away",
                )
            return read_result(place)

    def _linked(self, stage: str, place: Path) -> Generation | None:
        """Return the result that a stage's link leads to, None for a failure's report."""
        target = place.readlink()
        is_gone = not exists(self._inner / stage)
        if target.parent != Path(".store", stage) or not (is_gone or self._is_home(stage)):
            return Generation(place, None, "it is a link to somewhere else")
        if target.name == FAILED:
            return None
        for found in _read_results([self.root / target]):
            return found
        with suppress(FileNotFoundError):
            if place.readlink() != target:  # the link was switched and the earlier result removed: look again
                return self._linked(stage, place)
        return Generation(place, None, "its files are gone")

    def _is_home(self, stage: str) -> bool:
        """Whether the folder of a stage's stored results is there, and is not a link."""
        return is_folder(self._inner) and is_folder(self._inner / stage)

    def stored(self, stage: str, key: str = "") -> tuple[Generation, ...]:
        """Return all stored results of a stage, readable or not; with a ``key``, those whose names begin with it."""
        place = self._inner / stage
        with reading(place):
            if not self._is_home(stage):
                return ()
            found = sorted(folder for folder in place.iterdir() if folder.name.startswith(key[:KEY_DIGITS]))
            return _read_results(folder for folder in found if folder.name not in {FAILED, PARTIAL})

    def generations(self, stage: str, key: str = "") -> tuple[Generation, ...]:
        """Return the stored results of a stage with a readable receipt, the newest first; with a ``key``, of this work.

        With a key no other receipt is read.
        """
        return newest_first(stage, self.stored(stage, key))

    def receipt_of(self, stage: str, contents: Mapping[str, str]) -> Receipt | None:
        """Return the receipt, of the current result or else of a stored one, whose artifacts have these contents."""

        def has_them(result: Generation | None) -> bool:
            receipt = result.receipt if result else None
            return receipt is not None and all(receipt.content(path) == each for path, each in contents.items())

        current = self.current(stage)
        found = current if has_them(current) else next(filter(has_them, self.generations(stage)), None)
        return found.receipt if found else None

    def partial_results(self, stage: str) -> tuple[Generation, ...]:
        """Return all partial results of a stage, readable or not."""
        place = self._inner / stage / PARTIAL
        with reading(place):
            if not self._is_home(stage) or not is_folder(place):
                return ()
            return _read_results(sorted(place.iterdir()))

    def code_of(self, stage: str, generation: str) -> Mapping[str, str] | None:
        """Return the digests of the functions that made a stored result, None if it is gone."""
        receipt = read_result(self._inner / stage / generation).receipt
        return receipt.work.code if receipt else None

    def damage(self, generations: Collection[Generation]) -> Damages:
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
        with reading(self.root):
            try:
                digests = file_digests(wanted)
            except FileNotFoundError:  # a result was removed meanwhile: look again
                return self.damage(generations)
        for path, (folder, subject, expected) in wanted.items():
            if digests[path] != expected:
                problems[folder].append(Damage(DamageKind.OUTPUT_DAMAGED, subject))
        return {folder: tuple(found) for folder, found in problems.items()}

    def is_intact(self, result: Generation) -> bool:
        """Whether a result's receipt can be read, and its files are those that the receipt names."""
        return not self.damage([result])[result.folder]

    def observe(self, find: Callable[[], tuple[Generation, ...]]) -> tuple[tuple[Generation, ...], Damages]:
        """Find results and say what is wrong with them; look again if one was removed meanwhile, as by ``clean``."""
        while True:
            found = find()
            damage = self.damage(found)
            if all(exists(folder) for folder, problems in damage.items() if problems):
                return found, damage

    def observe_current(self, stage: str) -> tuple[Generation | None, tuple[Damage, ...]]:
        """Return the current result of a stage, None where there is none, and what is wrong with it."""
        found, damage = self.observe(lambda: tuple(filter(None, [self.current(stage)])))
        return (found[0], damage[found[0].folder]) if found else (None, ())

    def read_cache(self) -> bytes:
        """Return what ``write_cache`` has kept, empty if there is nothing."""
        try:
            return self._cache.read_bytes() if regular_size(self._cache) is not None else b""
        except (OSError, StoreError):
            return b""


def newest_first(stage: str, results: Iterable[Generation]) -> tuple[Generation, ...]:
    """Return the results of a stage whose receipt is readable and agrees with the folder's name, the newest first."""
    good = [
        (item.receipt.finished, item)
        for item in results
        if item.receipt and (stage, item.folder.name) == (item.receipt.work.stage, item.receipt.generation)
    ]
    return tuple(item for _, item in sorted(good, key=lambda pair: pair[0], reverse=True))


def _read_results(folders: Iterable[Path]) -> tuple[Generation, ...]:
    """Read the receipts in the folders among some paths; leave out folders that are removed meanwhile."""
    found = [read_result(folder) for folder in folders if is_folder(folder)]
    return tuple(item for item in found if item.receipt or exists(item.folder))


def read_result(folder: Path) -> Generation:
    """Read the receipt in a folder; what is wrong with it is returned, not raised.

    Raises StoreError without permission to read it: the result may be intact, and must not be made again.
    """
    path = folder / receipts.FILE_NAME
    try:
        if regular_size(path) is None:
            return Generation(folder, None, "there is none")
        return Generation(folder, receipts.from_json(path.read_bytes()))
    except receipts.ReceiptError as error:
        return Generation(folder, None, str(error))
    except PermissionError:
        with reading(path):
            raise
    except OSError as error:
        return Generation(folder, None, error.strerror or str(error))
