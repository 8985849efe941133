"""Before planning, see what each stage would do now, and which results it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pipeline.planning.current_work import NO_SOURCES, Readers, current_work, find_sources, source_digests
from pipeline.planning.plan import Plan, decide_next
from pipeline.planning.project import Project
from pipeline.planning.reasons import STALE, reason_of
from pipeline.planning.selection import Selection
from pipeline.planning.staleness import Decision, StageSnapshot, fits, with_inputs
from pipeline.stage import upstream
from pipeline.store.lock import current_writer
from pipeline.store.receipt import KEY_DIGITS, Work
from pipeline.store.stored_results import Generation


@dataclass(frozen=True, slots=True)
class UnfinishedWork:
    """What an interrupted run has left of a stage.

    ``is_taken_up`` says whether a run of the plan continues it. It is None if an input must be made first: the key of
    the stage's work is not known until then. ``settings`` are those of the runs that began it, in words.
    """

    is_taken_up: bool | None
    settings: tuple[str, ...]


def take_snapshot(project: Project, selection: Selection) -> tuple[StageSnapshot, ...]:
    """Take a snapshot of every stage. Its work and its files are fingerprinted only where the selection needs them.

    Raises StageError if a selected stage lacks inputs that nothing will make.
    """
    store, stages = project.store, project.stages
    selected = [stage for stage in stages if stage.name in selection.stages]
    needed = {stage.name for stage in selected} | {other.name for each in selected for other in upstream(each, stages)}
    current: dict[str, Generation | None] = {}

    def find() -> tuple[Generation, ...]:
        current.update({stage.name: store.current(stage.name) for stage in stages})
        return tuple(item for name, item in current.items() if item and name in needed)

    readers = Readers(project)
    with ThreadPoolExecutor(2) as pool:  # hashing files releases the interpreter's lock, so code is read meanwhile
        checked = pool.submit(store.observe, find)
        sources = {stage.name: find_sources(project, stage) for stage in selected}
        hashed = {name: pool.submit(source_digests, found) for name, found in sources.items()}
        works = {stage.name: current_work(project, stage, readers) for stage in selected}
        _, damage = checked.result()
    works = {name: replace(work, sources=hashed[name].result()) for name, work in works.items()}
    snapshot: list[StageSnapshot] = []
    decisions: dict[str, Decision] = {}
    for stage in stages:
        now, found = current[stage.name], sources.get(stage.name, NO_SOURCES)
        item = StageSnapshot(
            stage=stage,
            work=works.get(stage.name) or Work(stage.name, {}, {}, {}, {}, {}, ()),
            current=now.receipt if now else None,
            damage=tuple(map(reason_of, damage.get(now.folder, ()))) if now else (),
            origin=found.origin,
            notice=found.notice,
        )
        item = with_stored(project, item, selection, decisions)
        snapshot.append(item)
        decisions[stage.name] = decide_next(item, selection, decisions)
    return tuple(snapshot)


def notices_of(snapshot: Iterable[StageSnapshot]) -> list[str]:
    """Return the notices about the raw data, each once; and another if present results are of other raw data."""
    noticed = [item for item in snapshot if item.notice]
    others = sorted({item.current.origin for item in noticed if item.current and item.current.origin != item.origin})
    replaced = [
        f"The present results were made from {origin}. A run with that data restores them." for origin in others
    ]
    return [*sorted({item.notice for item in noticed}), *replaced]


def unfinished_work(project: Project, plan: Plan) -> dict[str, UnfinishedWork]:
    """Return the unfinished work of stale stages, by stage; nothing while a pipeline writes: it may be doing it."""
    if current_writer(project.store.lock_path):
        return {}
    found: dict[str, UnfinishedWork] = {}
    for item, decision in zip(plan.snapshot, plan.decisions, strict=True):
        name = item.stage.name
        if decision.action in STALE and (begun := project.store.begun(name)):
            is_taken_up = item.key[:KEY_DIGITS] in begun if item.key else None
            found[name] = UnfinishedWork(is_taken_up, tuple(sorted({*begun.values()} - {""})))
    return found


def with_stored(
    project: Project, item: StageSnapshot, selection: Selection, decisions: Mapping[str, Decision]
) -> StageSnapshot:
    """Add to a stage's snapshot the known inputs, and the stored result that fits best if the current one does not.

    Once all inputs are known the result is found by its name. Before that, each stored receipt is read.
    """
    name = item.stage.name
    item = with_inputs(item, decisions)
    if name not in selection.stages or name in selection.forced:
        return item
    if item.intact and fits(item.intact, item.work):
        return replace(item, stored=None)
    fitting = (
        each.receipt
        for each in project.store.generations(name, item.key)
        if each.receipt and fits(each.receipt, item.work) and project.store.is_intact(each)
    )
    return replace(item, stored=next(fitting, None))
