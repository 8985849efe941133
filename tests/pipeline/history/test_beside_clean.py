"""Reading commands beside `clean --yes`: a result that is being removed is no error; they look again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_project import NAMES, Toy

from pipeline.history.verify import verify
from pipeline.history.why import trace
from pipeline.planning.current_result import require_current
from pipeline.planning.selection import select
from pipeline.planning.snapshot import take_snapshot
from pipeline.store import durable_files, stored_results
from pipeline.store.clean import clean

READERS: dict[str, Callable[[Toy], list[str]]] = {
    "verify": lambda toy: [finding.problem for finding in verify(toy.project()) if finding.problem],
    "status": lambda toy: [
        str(reason) for item in take_snapshot(toy.project(), select(toy.stages, ["all"])) for reason in item.damage
    ],
    "why": lambda toy: [text for step in trace(toy.project(), Path("total"), toy.artifacts) for text in step.damage],
    "predict": lambda toy: [name for name in NAMES if require_current(toy.project(), name).receipt is None],
    "clean": lambda toy: [
        str(item.path) for item in clean(toy.store, toy.stages, 0, remove=False, notify=str) if item.size < 0
    ],
}
MOMENTS: dict[str, tuple[Any, str]] = {
    "a receipt is read": (stored_results.receipts, "from_json"),
    "a receipt is looked for": (stored_results, "regular_size"),
    "a folder is looked at": (stored_results, "is_folder"),
    "files are hashed": (stored_results, "file_digests"),
    "a link is read": (Path, "readlink"),
    "sizes are added up": (durable_files, "status"),
}


def switch_and_clean(toy: Toy) -> None:
    """Let another run make another result current, which is there, and clean remove all others."""
    toy.settings = {"power.exponent": 3}
    toy.run("all")
    clean(toy.store, toy.stages, 0, remove=True, notify=str)


@pytest.fixture(scope="module")
def kept(toy_of_module: Toy) -> Path:
    """The artifacts of the shared project when it has three results."""
    for settings in ({"power.exponent": 3}, {"power.exponent": 2, "total.start": 1}, {"power.exponent": 2}):
        toy_of_module.settings = settings
        toy_of_module.run("all")
    return shutil.copytree(toy_of_module.artifacts, toy_of_module.work / "kept", symlinks=True)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("reader", READERS)
def test_a_result_that_is_removed_while_it_is_looked_at_is_no_error(
    toy_of_module: Toy, kept: Path, monkeypatch: pytest.MonkeyPatch, reader: str, moment: str
) -> None:
    """It goes at every such moment in turn, before and after the call."""
    toy, (owner, name) = toy_of_module, MOMENTS[moment]
    real = getattr(owner, name)
    for point in range(15):
        count = 0

        def interleaved(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == 1 + point:  # noqa: B023 - it is called within this turn
                with monkeypatch.context() as undisturbed:
                    undisturbed.setattr(owner, name, real)
                    switch_and_clean(toy)
            return real(*args, **options)

        shutil.rmtree(toy.artifacts)
        shutil.copytree(kept, toy.artifacts, symlinks=True)
        toy.settings = {"power.exponent": 2}
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, interleaved)
            assert READERS[reader](toy) == []
        if count <= point:
            return
