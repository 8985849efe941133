"""Whatever is done to a project, and in whatever order, the engine's results are those of an oracle.

The oracle recomputes everything from scratch with plain functions. PIPELINE_TEST_LONG=1 tries far more.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from rigging import killed_at
from toy_project import (
    NAMES,
    RAW,
    Toy,
    actions,
    forked,
    in_child,
    oracle,
    oracle_load,
    oracle_parity,
    oracle_power,
    oracle_total,
)
from toy_sources import SOURCES

from pipeline.errors import StageError

LONG = bool(os.environ.get("PIPELINE_TEST_LONG"))
RAWS = (RAW, "1\n2\n3\n5\n", "3\n4\n7\nfour\n9\n", "8\n", None)
NUMBERS = st.sampled_from(range(60))  # evenly drawn, as st.integers are not
MEDDLING = ("delete", "truncate", "flip", "append", "replace by a link")
UPSTREAM = {"load": (), "power": ("load",), "parity": ("load",), "total": ("load", "power", "parity")}


def of_stage(files: dict[str, bytes], stage: str) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if path.startswith(f"{stage}/")}


class Project(RuleBasedStateMachine):
    """A toy project, everything that may happen to it, and what must hold after each step."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        self.toy = Toy(Path(tempfile.mkdtemp(dir=self.folder)), "toy_machine")  # one name: keys depend on it
        sys.path.insert(0, str(self.toy.code))
        self.outside = self.toy.code / "outside"
        self.outside.write_bytes(b"precious")
        self.raw: str | None = RAW
        self.offset = 0
        for exponent in (3, 2):  # so that there is something to go back to
            self.toy.settings["power.exponent"] = exponent
            self.toy.run("all")

    def teardown(self) -> None:
        if not hasattr(self, "toy"):
            return
        self.run_everything()
        assert self.outside.read_bytes() == b"precious"
        sys.path.remove(str(self.toy.code))
        self.toy.forget_modules()
        shutil.rmtree(self.toy.work.parent)

    def expected(self) -> dict[str, bytes]:
        setting = self.toy.settings.get
        return oracle(
            SOURCES["sample.txt"] if self.raw is None else self.raw,
            limit=setting("load.limit"),
            exponent=setting("power.exponent", 2),
            start=setting("total.start", 0),
            offset=self.offset,
        )

    # what may change -------------------------------------------------------------------------------

    @rule(exponent=st.integers(1, 3))
    def set_exponent(self, exponent: int) -> None:
        self.toy.settings["power.exponent"] = exponent

    @rule(limit=st.integers(1, 3))
    def set_limit(self, limit: int) -> None:
        self.toy.settings["load.limit"] = limit

    @rule(start=st.integers(0, 1))
    def set_start(self, start: int) -> None:
        self.toy.settings["total.start"] = start

    @rule()
    def go_back_to_the_defaults(self) -> None:
        self.toy.settings.clear()

    @rule(offset=st.integers(0, 2))
    def edit_a_helper(self, offset: int) -> None:
        self.toy.edit("arithmetic/offset.py", f"OFFSET = {self.offset}", f"OFFSET = {offset}")
        self.offset = offset

    @rule(raw=st.sampled_from(RAWS))
    def change_the_input(self, raw: str | None) -> None:
        self.raw = raw
        if raw is None:
            self.toy.raw.unlink(missing_ok=True)
        else:
            self.toy.raw.write_text(raw)

    # what may happen to the artifacts --------------------------------------------------------------

    def paths(self) -> list[Path]:
        """Every file and link below artifacts/, receipts and the store's own included, but for what is swept up."""
        found = [path for path in self.toy.artifacts.rglob("*") if path.is_symlink() or path.is_file()]
        return sorted(path for path in found if self.toy.artifacts / ".store" / "tmp" not in path.parents)

    @rule(number=NUMBERS, how=st.sampled_from(["touch", *MEDDLING]), where=NUMBERS)
    def meddle_with_any_file(self, number: int, how: str, where: int) -> None:
        self.meddle(self.paths(), number, how, where)

    @rule(blows=st.lists(st.tuples(NUMBERS, st.sampled_from(["flip", *MEDDLING]), NUMBERS), min_size=1, max_size=4))
    def meddle_with_results(self, blows: list[tuple[int, str, int]]) -> None:
        """The same, where it hurts most: what stages made, the current ones and the earlier."""
        for number, how, where in blows:
            found = [path for path in self.paths() if path.parent.parent.parent.name == ".store"]
            self.meddle([path for path in found if path.name != "receipt.json"], number, how, where)

    def meddle(self, paths: list[Path], number: int, how: str, where: int) -> None:
        if not paths:
            return
        path = paths[number % len(paths)]
        is_link = path.is_symlink()
        if how == "touch" and not is_link:
            os.utime(path, (where, where))
        elif how == "delete" or is_link:
            path.unlink()
        elif how == "replace by a link" and path.name not in {".lock", "runs.jsonl"}:  # those are refused, not mended
            path.unlink()
            path.symlink_to(self.outside)
        elif how == "append":
            path.write_bytes(path.read_bytes() + b"x")
        elif content := path.read_bytes():
            where %= len(content)
            flipped = content[:where] + bytes([content[where] ^ 1 << where % 8]) + content[where + 1 :]
            path.write_bytes(content[:where] if how == "truncate" else flipped)

    @rule(stage=st.sampled_from(NAMES), below=st.sampled_from([".", ".store", ".scratch"]))
    def delete_a_folder(self, stage: str, below: str) -> None:
        path = self.toy.artifacts / below / stage
        if path.is_symlink():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)

    # what may be run -------------------------------------------------------------------------------

    @rule()
    def run_everything(self) -> None:
        self.toy.run("all")
        assert self.toy.files() == self.expected()
        assert not self.toy.plan().stale

    @rule(stage=st.sampled_from(NAMES), force=st.booleans())
    def run_a_stage_and_what_it_needs(self, stage: str, force: bool) -> None:  # noqa: FBT001 - drawn by name
        self.toy.run(stage, force=force)
        for name in (*UPSTREAM[stage], stage):
            assert of_stage(self.toy.files(), name) == of_stage(self.expected(), name)

    @rule(stage=st.sampled_from(NAMES))
    def run_a_stage_alone(self, stage: str) -> None:
        """With --only a stage works on what lies there: its result is that of its function on those files."""
        before = self.toy.files()
        try:
            self.toy.run(stage, only=True)
        except StageError as error:
            if "missing or damaged" not in error.what:
                raise
            return
        raw = SOURCES["sample.txt"] if self.raw is None else self.raw
        setting = self.toy.settings.get
        recompute: dict[str, Callable[[], dict[str, bytes]]] = {
            "load": lambda: oracle_load(raw, setting("load.limit")),
            "power": lambda: oracle_power(before["load/numbers.json"], setting("power.exponent", 2), self.offset),
            "parity": lambda: oracle_parity(before["load/numbers.json"]),
            "total": lambda: oracle_total(
                before["power/powers.npy"], before["parity/parity.json"], setting("total.start", 0)
            ),
        }
        after = self.toy.files()
        assert of_stage(after, stage) == recompute[stage]()
        assert {path: after.get(path) for path in before if not path.startswith(f"{stage}/")} == {
            path: data for path, data in before.items() if not path.startswith(f"{stage}/")
        }

    @rule()
    def run_two_processes_at_once(self) -> None:
        first = forked(lambda: self.toy.run("all"))
        assert in_child(lambda: self.toy.run("all")) == 0
        assert os.waitpid(first, 0)[1] == 0
        assert self.toy.files() == self.expected()

    @rule(point=st.integers(0, 60))
    def kill_a_run(self, point: int) -> None:
        killed_at(point, lambda: self.toy.run("all"))

    # what must hold --------------------------------------------------------------------------------

    @invariant()
    def what_is_called_fresh_is_what_the_oracle_makes(self) -> None:
        if not hasattr(self, "toy"):
            return
        files = self.toy.files()
        for stage, action in actions(self.toy.plan()).items():
            if action == "fresh":
                assert of_stage(files, stage) == of_stage(self.expected(), stage)


def test_the_engine_agrees_with_an_oracle_after_every_step(fast_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "folder", fast_folder, raising=False)
    run_state_machine_as_test(
        Project,
        settings=settings(
            max_examples=400 if LONG else 24,
            stateful_step_count=40 if LONG else 8,
            phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],  # shrinking takes minutes
            derandomize=not LONG,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
