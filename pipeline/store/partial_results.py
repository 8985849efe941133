"""Partial results of a stage's work: found by what they depend on, made as carefully as a result.

A stage whose work has independent parts, like the members of an ensemble, keeps each part as soon as it is done.
A killed run then loses only what was being made. A run with other settings finds the parts that
do not depend on these settings. docs/decisions/partial-results.md says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.fingerprint.digest_files import content_digest, file_digests, no_garbage_collection
from pipeline.store.receipt import Output, Receipt, Work
from pipeline.store.store import Store


class StagePartialResults:
    """The partial results of one stage's run, as ``pipeline.task.PartialResults`` has it.

    Parameters
    ----------
    work : what the stage does in this run
    require_same : raises StageError if code or inputs are no longer those of ``work``
    forced : whether to trust nothing that was made before this run
    """

    def __init__(self, store: Store, work: Work, require_same: Callable[[], None], *, forced: bool) -> None:
        self._store, self._work, self._require_same, self._forced = store, work, require_same, forced
        self._made: set[str] = set()
        self.used: set[str] = set()  # the keys of all partial results that this run has found or made

    def find(self, description: Mapping[str, Any]) -> Path | None:
        key = self._work_of(description).key
        if self._forced and key not in self._made:
            return None
        folder = self._store.find_partial(self._work.stage, key)
        if folder is not None:
            self.used.add(key)
        return folder

    @contextmanager
    def make(self, description: Mapping[str, Any]) -> Iterator[Path]:
        work = self._work_of(description)
        folder = self._store.begin(f"{work.stage}-partial")
        clock = time.monotonic()
        try:
            yield folder
            self._require_same()
            outputs = fingerprint_files(folder)
            finished, seconds = datetime.now(UTC).isoformat(timespec="milliseconds"), round(time.monotonic() - clock, 3)
            receipt = Receipt(work, outputs, {}, (), origin="", notice="", finished=finished, seconds=seconds)
            self._store.publish_partial(folder, receipt)
        except BaseException:
            self._store.discard(folder)
            raise
        self._made.add(work.key)
        self.used.add(work.key)

    def _work_of(self, description: Mapping[str, Any]) -> Work:
        """Return the work of a partial result: its stage's code, libraries and inputs, and nothing else."""
        return replace(self._work, parameters={"partial_result": dict(description)}, outputs=())


def fingerprint_files(folder: Path) -> dict[str, Output]:
    """Hash the files in a folder, their bytes and their content, a few side by side."""
    digests = sorted(file_digests(folder.iterdir()).items())
    with no_garbage_collection(), ThreadPoolExecutor(4) as pool:
        contents = pool.map(content_digest, [path for path, _ in digests])
        return {
            path.name: Output(size=path.stat().st_size, bytes=value, content=content)
            for (path, value), content in zip(digests, contents, strict=True)
        }
