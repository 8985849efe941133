"""A small project to try the engine on: four stages, a raw file, helper modules, and an oracle that needs no engine.

    load    data/numbers.txt -> numbers.json, and rejected.txt where a line is no number
    power   numbers.json -> powers.npy
    parity  numbers.json -> parity.json, which comes out the same for many different numbers
    total   powers.npy, parity.json -> total.csv, summary.json

The package is written into a folder of the test's own, under a name of its own, since modules are cached by
name. Editing it forgets its modules, so that the next run in this process sees the edit as a new process would.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import invalidate_caches
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import msgspec
import numpy as np
from click.testing import CliRunner, Result
from toy_sources import SOURCES

import pipeline.cli
from pipeline.config import EarlierSettings, load_config
from pipeline.execution.run import RunResult, StageResult, run
from pipeline.fingerprint.code import CodeReader, code_closure
from pipeline.fingerprint.libraries import Installed, library_versions
from pipeline.fingerprint.parse_cache import ParseCache
from pipeline.planning.plan import Plan, make_plan
from pipeline.planning.project import Project
from pipeline.planning.reasons import Action
from pipeline.planning.selection import select
from pipeline.planning.snapshot import take_snapshot
from pipeline.planning.staleness import Decision
from pipeline.stage import Artifact, Parameters, Stage
from pipeline.store.store import Store
from pipeline.sweep.objective import Metric, Objective
from pipeline.task import Progress

Invoke = Callable[..., Result]
RAW = "1\n2\n3\nfour\n5\n"
NAMES = ("load", "power", "parity", "total")


class LoadParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Annotated[str | None, msgspec.Meta(description="The file of numbers")] = None
    limit: Annotated[int | None, msgspec.Meta(description="Numbers kept")] = None


class PowerParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    exponent: Annotated[int, msgspec.Meta(ge=0, le=5, description="The exponent")] = 2


class ParityParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class TotalParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    start: Annotated[int, msgspec.Meta(description="What the sum begins with")] = 0
    fails: Annotated[bool, msgspec.Meta(description="Whether it fails")] = False
    waits: Annotated[bool, msgspec.Meta(description="Whether it waits to be stopped")] = False

    def __post_init__(self) -> None:
        if self.fails and self.waits:
            raise ValueError("it cannot both fail and wait")


PRESETS = {"cubes": {"power": {"exponent": 3}}}
OBJECTIVE = Objective(
    metrics=(
        Metric("total", "total/summary.json", highest_is_best=True),
        Metric("share_accuracy", "total/summary.json", highest_is_best=True, unit="share"),
    ),
    budget="load.limit",
    folds="total.start",
)


def make_stages(package: str) -> tuple[Stage, ...]:
    """The four stages of a toy package."""
    checks = f"{package}.checks"
    return (
        Stage(
            name="load",
            summary="text -> numbers",
            function=f"{package}.load:load",
            parameters=LoadParameters,
            sources=f"{package}.sources:find_numbers",
            not_in_key=("path",),
            inputs=(),
            outputs=(
                Artifact("load/numbers.json", check=f"{checks}:check_numbers"),
                Artifact("load/rejected.txt", check=f"{checks}:check_words", optional=True),
            ),
        ),
        Stage(
            name="power",
            summary="numbers -> powers",
            function=f"{package}.power:power",
            parameters=PowerParameters,
            inputs=("load/numbers.json",),
            outputs=(Artifact("power/powers.npy", check=f"{checks}:check_powers"),),
        ),
        Stage(
            name="parity",
            summary="numbers -> odd or even",
            function=f"{package}.parity:parity",
            parameters=ParityParameters,
            inputs=("load/numbers.json",),
            outputs=(Artifact("parity/parity.json", check=f"{checks}:check_parity"),),
        ),
        Stage(
            name="total",
            summary="the sum",
            function=f"{package}.total:total",
            parameters=TotalParameters,
            not_in_key=("waits",),
            inputs=("power/powers.npy", "parity/parity.json"),
            outputs=(
                Artifact("total/total.csv", check=f"{checks}:check_total"),
                Artifact("total/summary.json", check=f"{checks}:check_summary"),
            ),
        ),
    )


def oracle_load(raw: str, limit: int | None) -> dict[str, bytes]:
    """What load makes of a raw file."""
    numbers = [int(word) for word in raw.split() if word.isdigit()][:limit]
    rejected = [word for word in raw.split() if not word.isdigit()]
    files = {"load/numbers.json": json.dumps(numbers).encode()}
    return {**files, "load/rejected.txt": " ".join(rejected).encode()} if rejected else files


def oracle_power(numbers: bytes, exponent: int, offset: int) -> dict[str, bytes]:
    """What power makes of numbers.json."""
    stream = io.BytesIO()
    np.save(stream, np.array([number**exponent + offset for number in json.loads(numbers)], dtype=np.int64))
    return {"power/powers.npy": stream.getvalue()}


def oracle_parity(numbers: bytes) -> dict[str, bytes]:
    """What parity makes of numbers.json."""
    words = ["odd" if number % 2 else "even" for number in json.loads(numbers)]
    return {"parity/parity.json": json.dumps(words).encode()}


def oracle_total(powers: bytes, parity: bytes, start: int) -> dict[str, bytes]:
    """What total makes of powers.npy and parity.json."""
    values = np.load(io.BytesIO(powers)).tolist()
    rows = [f"{word},{power}\n" for word, power in zip(json.loads(parity), values, strict=False)]
    summary = {"total": sum(values) + start, "share_accuracy": 0.5}
    return {
        "total/total.csv": "".join(["word,power\n", *rows]).encode(),
        "total/summary.json": json.dumps(summary).encode(),
    }


def oracle(
    raw: str = RAW, *, limit: int | None = None, exponent: int = 2, start: int = 0, offset: int = 0
) -> dict[str, bytes]:
    """Every artifact, recomputed from scratch by plain functions."""
    files = oracle_load(raw, limit)
    files |= oracle_power(files["load/numbers.json"], exponent, offset)
    files |= oracle_parity(files["load/numbers.json"])
    return files | oracle_total(files["power/powers.npy"], files["parity/parity.json"], start)


@cache
def engine_as_parsed() -> bytes:
    """What each toy reaches of the engine and of libraries, looked up once: it is slow and has tests of its own."""
    found = ParseCache()
    closure = code_closure(["pipeline.errors:DataError", "pipeline.task:Outcome"], CodeReader(found.parse))
    library_versions(closure.libraries | {"numpy"}, found, Installed())
    return found.to_bytes()


@dataclass
class Recorder:
    """Watches a run, and may meddle: ``hooks`` are called when a stage of that name is half done."""

    hooks: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    began: list[str] = field(default_factory=list)

    def log(self, text: str) -> None:
        self.lines.append(text)

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def started(self, decision: Decision) -> Progress:
        self.began.append(decision.stage)

        def progress(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:  # noqa: ARG001 - the protocol
            self.hooks.get(decision.stage, lambda: None)()

        return progress

    def finished(self, result: StageResult) -> None:
        pass


class Toy:
    """A toy project in a folder: ``work`` is where its user stands, ``code`` where its package lies."""

    def __init__(self, folder: Path, package: str = "") -> None:
        self.work, self.code = folder / "work", folder / "code"
        self.package = package or f"toy_{uuid4().hex[:8]}"
        self.stages = make_stages(self.package)
        self.settings: dict[str, object] = {}
        self.parse_cache = ParseCache(engine_as_parsed())  # and all runs of this process share it
        for name, source in SOURCES.items():
            path = self.code / self.package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source.replace("PACKAGE", self.package))
        self.raw = self.work / "data" / "numbers.txt"
        self.raw.parent.mkdir(parents=True)
        self.raw.write_text(RAW)

    @property
    def artifacts(self) -> Path:
        return self.work / "artifacts"

    @property
    def store(self) -> Store:
        return Store(self.artifacts)

    def forget_modules(self) -> None:
        """Let the next import read the package from disk."""
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            del sys.modules[name]
        invalidate_caches()

    def edit(self, module: str, old: str, new: str) -> None:
        """Replace a text in a module's source, once."""
        path = self.code / self.package / module
        source = path.read_text()
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module}"
        path.write_text(source.replace(old, new))
        self.forget_modules()

    def project(self) -> Project:
        sets = [f"{name}={json.dumps(value)}" for name, value in self.settings.items()]
        config = load_config(self.stages, PRESETS, self.work, sets=sets, environment={})
        return Project(self.work, self.stages, config, self.store, self.parse_cache)

    def plan(self, *names: str, only: bool = False, force: bool = False) -> Plan:
        project = self.project()
        selection = select(self.stages, names or ["all"], only=only, force=force)
        return make_plan(take_snapshot(project, selection), selection)

    def run(
        self,
        *names: str,
        only: bool = False,
        force: bool = False,
        first: str | None = None,
        watcher: Recorder | None = None,
        wait: bool = True,
    ) -> RunResult:
        selection = select(self.stages, names or ["all"], only=only, force=force, first=first)
        return run(self.project(), selection, watcher or Recorder(), wait=wait)

    def files(self) -> dict[str, bytes]:
        """What lies at the stable paths now, but for receipts."""
        return {
            f"{name}/{path.name}": path.read_bytes()
            for name in NAMES
            if (self.artifacts / name).is_dir()
            for path in sorted((self.artifacts / name).iterdir())
            if path.name != "receipt.json" and path.is_file()
        }


def toy_of_another_process(package: str, parsed: bytes = b"") -> Toy:
    """What ``commands`` needs of a toy whose package another process has written, and what it has ``parsed``."""
    toy = Toy.__new__(Toy)
    toy.stages, toy.parse_cache = make_stages(package), ParseCache(parsed)
    return toy


def ran(result: RunResult) -> list[str]:
    """The stages whose functions were called."""
    return [done.stage for done in result.stages if done.action is Action.RUN]


def actions(found: RunResult | Plan) -> dict[str, str]:
    """What became, or would become, of each stage."""
    items = found.stages if isinstance(found, RunResult) else found.decisions
    return {item.stage: item.action.value for item in items}


def why(found: RunResult | Plan, stage: str) -> list[str]:
    """The reasons for one stage, as a person reads them."""
    items = found.stages if isinstance(found, RunResult) else found.decisions
    return [str(reason) for item in items if item.stage == stage for reason in item.reasons]


def in_child(work: Callable[[], object]) -> int:
    """Call ``work`` in a forked process and return its wait status; nothing that it raises reaches this one."""
    return os.waitpid(forked(work), 0)[1]


def forked(work: Callable[[], object]) -> int:
    """Begin ``work`` in a forked process and return its number."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it was, a forked test process must not go on
            os._exit(1)
    return child


def invoke(toy: Toy, *words: str, code: int | None = 0, columns: int = 200) -> Result:
    """Run a command, where ``toy`` is what commands work on; it must end with ``code``, unless that is None."""
    toy.forget_modules()
    result = CliRunner().invoke(pipeline.cli.main, words, env={"COLUMNS": str(columns)})
    assert "Traceback" not in result.output or "--debug" in words
    assert code in {None, result.exit_code}, result.output
    return result


def commands(toy: Toy) -> Callable[..., Project]:
    """What ``pipeline.cli.project.load_project`` is replaced by, so that the commands work on a toy project."""

    def load_project(
        folder: Path, preset: str | None = None, sets: tuple[str, ...] = (), like: EarlierSettings | None = None
    ) -> Project:
        config = load_config(toy.stages, PRESETS, folder, preset=preset, sets=sets, environment={}, like=like)
        return Project(folder, toy.stages, config, Store(folder / "artifacts"), toy.parse_cache)

    return load_project
