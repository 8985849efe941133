"""A process may be killed at every write, fsync, rename and unlink: nothing that stood before is harmed.

A counting run finds the points; then a child process is killed with SIGKILL at each of them, a write being left
half done, and what it leaves behind is examined. PIPELINE_TEST_LONG=1 kills in longer scenarios too.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rigging import killed_at, rig
from toy_project import NAMES, RAW, Toy, actions, forked, in_child, oracle

from pipeline.errors import PipelineError
from pipeline.logs.run_log import read_runs

LONG = bool(os.environ.get("PIPELINE_TEST_LONG"))
LEAST_POINTS = 40
FAILED = "the run failed, as it should"


def operations(work: Callable[[], object], notes: Path) -> list[str]:
    """Do ``work`` in a child process and return the operations that it took."""

    def child() -> None:
        seen: list[str] = []
        rig(lambda name, arguments: seen.append(f"{name} {' '.join(map(str, arguments))[:160]}"))
        try:
            work()
        except PipelineError:
            seen.append(FAILED)
        notes.write_text(json.dumps(seen))

    assert in_child(child) == 0
    return json.loads(notes.read_text())


@dataclass(frozen=True)
class Scenario:
    """What was done before, and what is killed: a run of which stages, with which settings and which raw file."""

    before: tuple[dict[str, object], ...]
    killed: dict[str, object]
    names: tuple[str, ...] = ("all",)
    force: bool = False
    raw: str = RAW
    fails: bool = False


SCENARIOS = {
    "first run": Scenario((), {}, names=("power",)),
    "changed parameter": Scenario(({},), {"power.exponent": 3}, names=("power",)),
    "forced": Scenario(({},), {}, names=("power",), force=True),
    "going back": Scenario(({}, {"power.exponent": 3, "total.start": 1}), {}),
    "failing stage": Scenario(({},), {"total.start": 5, "total.fails": True}, fails=True),
    "first run of all": Scenario((), {}),
    "changed parameter of all": Scenario(({},), {"power.exponent": 3}),
    "all forced": Scenario(({},), {}, force=True),
    "first failure": Scenario((), {"total.fails": True}, fails=True),
    "changed input": Scenario(({}, {"total.start": 1}), {"total.start": 1}, raw="2\n9\n"),
}
SHORT = ("first run", "changed parameter", "forced", "going back", "failing stage")


def by_stage(files: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Group the files by stage, without the reports of failures."""
    return {
        name: {path: data for path, data in files.items() if path.startswith(f"{name}/") and "report" not in path}
        for name in NAMES
    }


def stored(artifacts: Path) -> dict[str, bytes]:
    """Every file of every finished result."""
    files = [path for path in (artifacts / ".store").glob("*/*/*") if path.parts[-3] != "tmp"]
    return {str(path.relative_to(artifacts)): path.read_bytes() for path in files if "report" not in path.name}


@pytest.mark.parametrize("name", [name for name in SCENARIOS if LONG or name in SHORT])
def test_a_kill_at_any_point_harms_nothing_and_the_next_run_sets_it_right(
    toy: Toy, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    scenario = SCENARIOS[name]
    for settings in scenario.before:
        toy.settings = dict(settings)
        toy.run("all")
    toy.raw.write_text(scenario.raw)
    before, kept = by_stage(toy.files()), stored(toy.artifacts)
    runs = read_runs(toy.artifacts)
    template = toy.work.rename(toy.work.with_name("template"))
    toy.settings = dict(scenario.killed)
    exponent, start = scenario.killed.get("power.exponent", 2), scenario.killed.get("total.start", 0)
    after = by_stage(oracle(scenario.raw, exponent=exponent, start=start))

    def fresh_copy() -> None:
        shutil.rmtree(toy.work, ignore_errors=True)
        shutil.copytree(template, toy.work, symlinks=True)

    fresh_copy()
    points = operations(lambda: toy.run(*scenario.names, force=scenario.force), toy.code / "operations")
    if scenario.fails:
        points.remove(FAILED)
    mended = {key: value for key, value in scenario.killed.items() if key != "total.fails"}

    for number, point in enumerate(points):
        fresh_copy()
        toy.settings = dict(scenario.killed)
        assert killed_at(number, lambda: toy.run(*scenario.names, force=scenario.force)), point
        # what stood before is readable
        left = by_stage(toy.files())
        for stage in NAMES:
            assert left[stage] in (before[stage], after[stage]), f"{stage} after a kill at {point}"
        now = stored(toy.artifacts)
        assert {path: now.get(path) for path in kept} == kept, f"a stored result after a kill at {point}"
        assert read_runs(toy.artifacts)[: len(runs)] == runs, f"the log after a kill at {point}"
        # and the next run sets it right
        toy.settings = dict(mended)
        result = toy.run("all", wait=False)
        assert by_stage(toy.files()) == after, f"the next run after a kill at {point}: {actions(result)}"
        assert list((toy.artifacts / ".store" / "tmp").iterdir()) == [], f"left over from a kill at {point}"
        assert len(read_runs(toy.artifacts)) >= len(runs)
        if number % 8 == 0:
            assert not toy.plan().stale

    with capfd.disabled():
        print(f"\n  killed at {len(points)} points: {name}")  # noqa: T201 - the count is part of the proof
    if name == "first run":
        assert len(points) >= LEAST_POINTS


def test_nothing_is_published_that_has_not_been_forced_to_disk(toy: Toy) -> None:
    """SIGKILL spares what the kernel holds; a power cut does not. So the order of the operations is examined."""
    trace: list[tuple[str, str, str]] = []

    def name_of(thing: int | str | Path) -> str:
        return str(Path(f"/proc/self/fd/{thing}").readlink() if isinstance(thing, int) else thing)

    def child() -> None:
        def before(name: str, arguments: tuple[Any, ...]) -> None:
            if name in {"fsync", "rename", "replace"}:
                names = [name_of(argument) for argument in arguments[:2]]
                trace.append((name, names[0], names[-1]))

        rig(before)
        toy.run("all")
        (toy.code / "trace").write_text(json.dumps(trace))

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to tell which file is forced to disk")
    assert in_child(child) == 0
    synced: set[str] = set()
    published = 0
    home = ""
    for name, first, second in json.loads((toy.code / "trace").read_text()):
        if name == "fsync":
            synced.add(first)
        elif Path(second).parent.parent.name == ".store":  # a generation
            published += 1
            home = str(Path(second).parent)
            files = list((toy.artifacts / ".store" / Path(home).name / Path(second).name).iterdir())
            assert {first, *(f"{first}/{path.name}" for path in files)} <= synced
            synced.discard(home)
        elif name in {"replace", "rename"} and Path(second).parent == toy.artifacts:  # the switch
            assert home in synced
            synced.discard(str(toy.artifacts))
    assert str(toy.artifacts) in synced
    assert published == len(NAMES)


def test_two_processes_at_once_make_the_same_as_one(toy: Toy) -> None:
    children = [forked(lambda: toy.run("all")) for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert toy.files() == oracle()
    assert len(read_runs(toy.artifacts)) == 1  # the others found nothing to do
    assert stat.S_ISLNK((toy.artifacts / "total").lstat().st_mode)
