"""Find and remove earlier results that nobody will go back to; a current one is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.stage import Stage
from pipeline.store.disk import size_of
from pipeline.store.lock import writer_lock
from pipeline.store.store import Store
from pipeline.store.stored_results import newest_first


def clean(
    store: Store, stages: Iterable[Stage], keep: int, *, remove: bool, notify: Callable[[str], None]
) -> list[tuple[Path, int]]:
    """List the results beyond the newest ``keep`` of each stage with their sizes in bytes; ``remove`` removes them."""
    if not remove:
        return [item for stage in stages for item in disposable(store, stage.name, keep)]
    store.prepare()
    with writer_lock(store.lock_path, wait=True, notify=notify):
        store.sweep_up()
        found = [item for stage in stages for item in disposable(store, stage.name, keep)]
        for path, _ in found:
            store.forget(path)
    return found


def disposable(store: Store, stage: str, keep: int) -> list[tuple[Path, int]]:
    """List with their sizes in bytes the stored results beyond the newest ``keep``, unreadable and unfinished work.

    The current result is never among them, nor are the partial results that it or one of the newest was made of.
    """
    current = store.current(stage)
    stored = store.stored(stage)
    generations = newest_first(stage, stored)
    good = {item.folder for item in generations}
    useless = [item.folder for item in stored if item.folder not in good]
    old = [*(item.folder for item in generations[keep:]), *useless]
    kept = [item.receipt for item in (current, *generations[:keep]) if item and item.receipt]
    used = {key for receipt in kept for key in receipt.partial_results}
    partial = [item.folder for item in store.partial_results(stage) if item.folder.name not in used]
    paths = [*(folder for folder in old if current is None or folder != current.folder), *partial]
    return [(path, size_of(path)) for path in (*paths, *store.unfinished(stage))]
