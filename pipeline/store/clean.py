"""Find and remove earlier results that nobody will go back to; a current one is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.stage import Stage
from pipeline.store.lock import writer_lock
from pipeline.store.store import Store


def clean(
    store: Store, stages: Iterable[Stage], keep: int, *, remove: bool, notify: Callable[[str], None]
) -> list[tuple[Path, int]]:
    """List the results beyond the newest ``keep`` of each stage with their sizes in bytes; ``remove`` removes them."""
    if not remove:
        return [item for stage in stages for item in store.disposable(stage.name, keep)]
    store.prepare()
    with writer_lock(store.lock_path, wait=True, notify=notify):
        store.sweep_up()
        found = [item for stage in stages for item in store.disposable(stage.name, keep)]
        for path, _ in found:
            store.forget(path)
    return found
