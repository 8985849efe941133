"""Why an artifact is what it is: the chain of receipts from it down to the raw files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, DataError, nearest
from pipeline.planning.project import Project
from pipeline.stage import maker_of
from pipeline.store.receipt import Receipt


@dataclass(frozen=True, slots=True)
class TracedStage:
    """One stage of a chain: the files of it that were used, and its receipt.

    ``receipt`` is None where the result that was used is no longer stored; ``current`` says whether it
    is the one that lies in artifacts/ now, and ``damage`` what is wrong with its files.
    """

    stage: str
    files: tuple[str, ...]
    receipt: Receipt | None
    current: bool
    damage: tuple[str, ...] = ()


def trace(project: Project, path: Path, base: Path) -> tuple[TracedStage, ...]:
    """Follow an artifact, or all artifacts of a stage, back to the raw files; the artifact's own stage comes first.

    ``path`` is relative to ``base``.
    Raises ConfigError if ``path`` is no artifact of any stage, DataError if it has not been made, or its receipt
    is damaged.
    """
    known = {artifact.path: stage.name for stage in project.stages for artifact in stage.outputs}
    places = (project.store.root, base / path)
    root, place = (Path(os.path.abspath(at)) for at in places)  # noqa: PTH100 - resolve() follows the stages' links
    wanted = place.relative_to(root).as_posix() if place.is_relative_to(root) else path.as_posix()
    names = [name for name, maker in known.items() if wanted in {name, maker}]
    if not names:
        words = [*known, *dict.fromkeys(known.values())]
        raise ConfigError(f"no stage makes '{path}'", hint=nearest(wanted, words, "artifacts", most=5))
    stage = known[names[0]]
    current = project.store.current(stage)
    receipt = current.receipt if current else None
    if current and receipt is None:
        where = f"{project.store.folder(stage)}/receipt.json"
        raise DataError(f"the receipt of {stage} cannot be read", where=where, hint=f"pipeline run {stage}")
    made = {name: content for name in names if receipt and (content := receipt.content(name))}
    if not made:
        raise DataError(f"artifacts/{names[0]} has not been made", hint=f"pipeline run {stage}")
    return tuple(_chain(project, {stage: made}))


def _chain(project: Project, used: dict[str, dict[str, str]]) -> Iterator[TracedStage]:
    """Yield the stages in reverse order, collecting what each read; ``used`` maps stage -> path -> content."""
    for stage in reversed(project.stages):
        files = used.get(stage.name)
        if files is None:
            continue
        current, damage = project.store.observe_current(stage.name)
        found = project.store.receipt_of(stage.name, files)
        is_current = bool(current and found and current.receipt == found)
        problems = tuple(str(reason) for reason in damage) if is_current else ()
        yield TracedStage(stage.name, tuple(sorted(files)), found, is_current, problems)
        for path, content in found.work.inputs.items() if found else ():
            used.setdefault(maker_of(path), {})[path] = content


def step_data(step: TracedStage) -> dict[str, Any]:
    """Return a step as plain data."""
    receipt = step.receipt
    if receipt is None:
        return {"stage": step.stage, "files": list(step.files), "stored": False}
    return {
        "stage": step.stage,
        "stored": True,
        "current": step.current,
        "damage": list(step.damage),
        "key": receipt.work.key,
        "files": {path: receipt.content(path) for path in step.files},
        "parameters": dict(receipt.work.parameters),
        "inputs": dict(receipt.work.inputs),
        "sources": dict(receipt.work.sources),
        "libraries": dict(receipt.work.libraries),
        "environment": dict(receipt.environment),
        "code": dict(receipt.work.code),
        "origin": receipt.origin,
        "finished": receipt.finished,
        "seconds": receipt.seconds,
    }
