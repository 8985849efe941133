"""Find and remove earlier results. A current one is never removed, and unfinished work only if none are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.stage import Stage
from pipeline.store.durable_files import size_of
from pipeline.store.lock import writer_lock
from pipeline.store.store import Store
from pipeline.store.stored_results import Generation, newest_first


@dataclass(frozen=True, slots=True)
class Disposable:
    """A folder that may be removed: what it is, when it was finished (if that is known), and its size in bytes."""

    stage: str
    what: str
    finished: str
    path: Path
    size: int


def clean(
    store: Store, stages: Iterable[Stage], keep: int, *, remove: bool, notify: Callable[[str], None]
) -> list[Disposable]:
    """List the results beyond the newest ``keep`` of each stage; ``remove`` removes them.

    With ``keep`` 0, the unfinished work of interrupted runs is among them.
    """
    if not remove:
        return [item for stage in stages for item in disposable(store, stage.name, keep)]
    store.prepare()
    with writer_lock(store.lock_path, wait=True, notify=notify):
        store.clean_up()
        found = [item for stage in stages for item in disposable(store, stage.name, keep)]
        for item in reversed(found):  # partial results before results: without its result, one would be unfinished work
            store.forget(item.path)
    return found


def disposable(store: Store, stage: str, keep: int) -> list[Disposable]:
    """List the stored results beyond the newest ``keep``, the oldest first, and then what no kept result was made of.

    The current result is never among them, nor are the partial results that it or one of the newest was made of.
    Unfinished work is, if ``keep`` is 0.
    """
    current = store.current(stage)
    stored = store.stored(stage)
    generations = newest_first(stage, stored)
    used = parts_of((current, *generations[:keep]))
    spared = resumable_folders(store, stage, (current, *stored)) if keep else []
    unused = (item for item in store.partial_results(stage) if item.folder.name not in used)

    def listed(what: str, items: Iterable[Generation]) -> list[Disposable]:
        others = [item for item in items if current is None or item.folder != current.folder]
        found = [(item.receipt.finished if item.receipt else "", item.folder) for item in others]
        return [Disposable(stage, what, finished, path, size_of(path)) for finished, path in sorted(found)]

    good = {item.folder for item in generations}
    return [
        *listed("result", generations[keep:]),
        *listed("unreadable result", (item for item in stored if item.folder not in good)),
        *listed("partial result", (item for item in unused if item.folder not in spared)),
        *(
            Disposable(stage, "checkpoint", "", path, size_of(path))
            for path in store.unfinished(stage)
            if path not in spared
        ),
    ]


def parts_of(results: Iterable[Generation | None]) -> set[str]:
    """Return the keys of the partial results that some results were made of."""
    return {key for item in results if item and item.receipt for key in item.receipt.partial_results}


def resumable_folders(store: Store, stage: str, results: Iterable[Generation | None]) -> list[Path]:
    """Return what a run may take up: checkpoints of a stage, and readable partial results that no result names."""
    used = parts_of(results)
    parts = [item.folder for item in store.partial_results(stage) if item.receipt and item.folder.name not in used]
    begun = store.begun(stage)
    return [*parts, *(path for path in store.unfinished(stage) if path.name in begun)]


def n_earlier_kept(store: Store, stages: Iterable[Stage], keep: int) -> int:
    """Return how many earlier results are among the newest ``keep`` of their stages; current ones are not counted."""
    n = 0
    for stage in stages:
        current = store.current(stage.name)
        newest = store.generations(stage.name)[:keep]
        n += sum(current is None or item.folder != current.folder for item in newest)
    return n


def size_of_unfinished(store: Store, stages: Iterable[Stage]) -> int:
    """Return the size in bytes of all unfinished work."""
    return sum(
        size_of(path)
        for stage in stages
        for path in resumable_folders(store, stage.name, (store.current(stage.name), *store.stored(stage.name)))
    )
