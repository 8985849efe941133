"""The artifacts folder as a whole: its results, its temporary folders, and checkpoints of unfinished work.

artifacts/.store/                  results (stored_results.py finds them, generations.py makes them)
artifacts/.store/tmp/              what is being written; emptied by the next writer
artifacts/.scratch/train/<key>/    checkpoints of unfinished work; .settings says with what settings it was begun
artifacts/.scratch/train/jobs-*/   the progress of running jobs; the next writer removes those of a dead process
artifacts/.lock                    held by the process that writes (lock.py)
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pipeline.errors import ANOTHER_FILE_SYSTEM, StoreError, disk_full
from pipeline.files.leftovers import JOBS, remove_leftovers, remove_system_leftovers
from pipeline.files.paths import require_folder_or_nothing
from pipeline.store.durable_files import (
    exists,
    is_folder,
    reading,
    regular_size,
    remove,
    require_folder,
    size_of,
    space_of,
    store_errors,
)
from pipeline.store.generations import Generations
from pipeline.store.receipt import KEY_DIGITS

MOST_TOLD = 500  # bytes of the settings that are told
SETTINGS = ".settings"  # a file beside the checkpoints: the settings of the run that began the work, in words


class Store(Generations):
    """The artifacts folder. Reading needs no lock; everything that writes needs the writer's lock."""

    @property
    def lock_path(self) -> Path:
        return self.root / ".lock"

    def prepare(self) -> None:
        """Make the folders that are needed before the lock can be taken; raises StoreError if that fails."""
        require_folder_or_nothing(self.root)
        with store_errors(f"{'write into' if exists(self.root) else 'make'} the artifacts folder", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self._inner, self._temporary, self._scratch):
                folder.mkdir(exist_ok=True)
                require_folder(folder)
            for folder in (self.root, self._inner, self._temporary, self._scratch):
                if not os.access(folder, os.W_OK | os.X_OK):
                    number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
                    raise OSError(number, os.strerror(number), str(folder))
            self._require_links()

    def _require_links(self) -> None:
        """Raise StoreError if the file system has no symbolic links: the current results are found by them."""
        link = self._temporary / f"link-{uuid4().hex}"
        try:
            link.symlink_to("nowhere")
        except OSError as error:
            if disk_full(error):
                raise
            what = f"this file system has no symbolic links: {error.strerror}"  # the folder itself is writable
            raise StoreError(what, where=str(self.root), hint=ANOTHER_FILE_SYSTEM) from error
        link.unlink(missing_ok=True)  # another run may have removed it

    def clean_up(self) -> None:
        """Remove what killed runs left unfinished; checkpoints stay."""
        remove_system_leftovers()
        with store_errors("clean up after an earlier run", self._temporary):
            for entry in self._temporary.iterdir():
                remove(entry)
            for stage in filter(is_folder, self._scratch.iterdir()):
                remove_leftovers(stage, JOBS)

    def write_cache(self, data: bytes) -> None:
        """Keep the cache of parsed code: it saves time, and a crash may lose it."""
        fresh = self._temporary / f"{self._cache.name}-{uuid4().hex}"
        with store_errors("write the artifacts", fresh):
            fresh.write_bytes(data)
            fresh.replace(self._cache)

    def begin(self, stage: str) -> Path:
        """Return a new folder in which a stage may write."""
        with store_errors("write the artifacts", self._temporary):
            folder = self._temporary / f"{stage}-{uuid4().hex}"
            folder.mkdir()
            return folder

    def scratch(self, stage: str, key: str, settings: str = "") -> Path:
        """Return the folder of a work's checkpoints, which outlives a kill; it is made if it is not there.

        ``settings`` are those of the run, in words. They are kept there, so that ``begun`` can tell them.
        """
        folder = self._scratch / stage / key[:KEY_DIGITS]
        with store_errors("write the artifacts", folder):
            for path in (folder.parent, folder):
                path.mkdir(exist_ok=True)
                require_folder(path)
            if settings and not exists(folder / SETTINGS):
                (folder / SETTINGS).write_bytes(settings.encode())  # only told: a crash may lose it
        return folder

    def forget_scratch(self, stage: str, key: str) -> None:
        """Remove the checkpoints of a work. They are renamed first, because a job may be writing one."""
        with store_errors("remove a checkpoint", self._scratch):
            if is_folder(self._scratch / stage) and exists(self._scratch / stage / key[:KEY_DIGITS]):
                self._rename_and_remove(self._scratch / stage / key[:KEY_DIGITS])

    def room(self, folder: Path) -> str:
        """Name the folder of all artifacts, how much lies in ``folder`` below it, and how much room is left."""
        written, left = space_of(folder) / 1e6, shutil.disk_usage(self.root).free / 1e6
        return f"{self.root}: {written:.1f} MB were written, {left:.1f} MB are left"

    def discard(self, folder: Path) -> None:
        """Remove what a stage wrote and may not publish; the next run removes what cannot be removed now."""
        with suppress(OSError, StoreError):
            remove(folder)

    def begun(self, stage: str) -> dict[str, str]:
        """Return the works of a stage that have checkpoints: each key's first ``KEY_DIGITS``, and the run's settings.

        The settings are an empty text if they are not known.
        """
        with reading(self._scratch):
            return {
                folder.name: begun_with(folder / SETTINGS)
                for folder in self.unfinished(stage)
                if size_of(folder) > size_of(folder / SETTINGS)
            }

    def unfinished(self, stage: str) -> list[Path]:
        """Return the folders of a stage's checkpoints."""
        place = self._scratch / stage
        with reading(place):
            return sorted(place.iterdir()) if is_folder(self._scratch) and is_folder(place) else []


def begun_with(path: Path) -> str:
    """Return the start of what a file of settings says; an empty text if it is not there."""
    if regular_size(path) is None:
        return ""
    with path.open("rb") as file:
        start = file.read(MOST_TOLD)
    return start.decode(errors="ignore") + ("..." if len(start) == MOST_TOLD else "")
