"""Finished parts of a stage's work: kept through kills and other settings, and never trusted blindly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from rigging import killed_at
from test_kill import operations
from toy_project import Recorder, Toy

from pipeline.errors import StageError
from pipeline.history.verify import verify
from pipeline.stage import Artifact, Parameters, Stage
from pipeline.store.clean import clean
from pipeline.store.receipt import FILE_NAME
from pipeline.store.store import Store


class PartsParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(description="How many parts")] = 3
    base: Annotated[int, msgspec.Meta(description="What each begins with")] = 0
    shown: Annotated[int, msgspec.Meta(description="How many are written")] = 9


@pytest.fixture
def project(toy: Toy) -> Toy:
    """The toy project with a stage that is made of parts."""
    stage = Stage(
        name="parts",
        summary="multiples of the numbers",
        function=f"{toy.package}.parts:parts",
        parameters=PartsParameters,
        inputs=("load/numbers.json",),
        outputs=(Artifact("parts/parts.json", check=f"{toy.package}.parts:check"),),
    )
    toy.stages = (*toy.stages, stage)
    return toy


def run(project: Toy, *, force: bool = False, hook: Callable[[], object] | None = None, **settings: int) -> list[int]:
    """Run the stage; give the numbers of the parts that were made."""
    project.settings = {f"parts.{key}": value for key, value in settings.items()}
    watcher = Recorder(hooks={"parts": hook} if hook else {})
    project.run("parts", force=force, watcher=watcher)
    return [int(line.removeprefix("makes ")) for line in watcher.lines]


def result(project: Toy) -> list[list[int]]:
    return json.loads((project.artifacts / "parts/parts.json").read_text())


def partial_results(project: Toy) -> list[Path]:
    return [part.folder for part in project.store.partial_results("parts")]


def test_a_further_partial_result_is_made_and_the_others_are_found(project: Toy) -> None:
    assert run(project) == [0, 1, 2]
    assert run(project, count=5) == [3, 4]
    assert run(project, count=4, shown=2) == []
    assert result(project) == [[0, 0, 0, 0], [1, 2, 3, 5]]
    assert run(project, count=2, base=10) == [0, 1]
    assert len(partial_results(project)) == 7


@pytest.mark.parametrize(
    "change",
    [
        lambda project: project.raw.write_text("4\n"),
        lambda project: project.edit("arithmetic/offset.py", "OFFSET = 0", "OFFSET = 1"),
    ],
    ids=["input", "code"],
)
def test_partial_results_of_other_inputs_or_other_code_are_not_taken(
    project: Toy, change: Callable[[Toy], object]
) -> None:
    run(project)
    change(project)
    assert run(project) == [0, 1, 2]


def test_a_forced_stage_makes_its_partial_results_anew_and_finds_those(project: Toy) -> None:
    run(project)
    assert run(project, force=True) == [0, 1, 2]
    assert len(partial_results(project)) == 3


SPOILERS: dict[str, Callable[[Path], object]] = {
    "a flipped byte": lambda part: (part / "multiples.json").write_text("[9, 9, 9, 9]"),
    "a missing file": lambda part: (part / "note.txt").unlink(),
    "no receipt": lambda part: (part / FILE_NAME).unlink(),
    "an edited receipt": lambda part: (part / FILE_NAME).write_text(
        (part / FILE_NAME).read_text().replace('"factor": 1', '"factor": 8')
    ),
    "a link": lambda part: (shutil.move(part, part.parent.parent / "a"), part.symlink_to("../a")),
    "another part's folder": lambda part: (
        shutil.rmtree(part),
        shutil.copytree(next(folder for folder in part.parent.iterdir() if folder != part), part),
    ),
}


def test_one_partial_result_has_the_factor_that_the_tests_damage(project: Toy) -> None:
    run(project)
    assert sum('"factor": 1' in (part / FILE_NAME).read_text() for part in partial_results(project)) == 1


@pytest.mark.parametrize("what", SPOILERS)
def test_a_damaged_partial_result_is_made_anew(project: Toy, what: str) -> None:
    run(project)
    victim = next(part for part in partial_results(project) if '"factor": 1' in (part / FILE_NAME).read_text())
    SPOILERS[what](victim)
    assert run(project, shown=8) == [1]
    assert result(project)[1] == [1, 2, 3, 5]


@pytest.mark.parametrize("what", ["a flipped byte", "a missing file", "no receipt"])
def test_verify_finds_a_damaged_partial_result(project: Toy, what: str) -> None:
    run(project)
    assert [finding.problem for finding in verify(project.project()) if finding.stage == "parts"] == [""] * 4
    SPOILERS[what](partial_results(project)[0])
    (found,) = (each for each in verify(project.project()) if each.stage == "parts" and each.problem)
    assert found.generation.startswith("partial result")


def test_a_partial_result_made_while_the_code_changed_is_not_kept_and_earlier_ones_are(project: Toy) -> None:
    seen = []

    def edit() -> None:
        seen.append(1)
        if len(seen) == 2:
            (project.code / project.package / "arithmetic/offset.py").write_text("OFFSET = 7\n")

    with pytest.raises(StageError, match="something changed while parts ran"):
        run(project, hook=edit)
    assert len(partial_results(project)) == 1
    project.forget_modules()
    assert run(project) == [0, 1, 2]
    assert result(project)[0] == [7, 7, 7, 7]


def test_a_partial_result_made_while_an_input_changed_is_not_kept(project: Toy) -> None:
    with pytest.raises(StageError, match=r"output damaged: load/numbers\.json"):
        run(project, hook=lambda: (project.artifacts / "load/numbers.json").write_text("[4]"))
    assert partial_results(project) == []


def test_an_error_loses_what_was_being_made_and_nothing_else(project: Toy) -> None:
    def fail() -> None:
        if len(partial_results(project)) == 2:
            raise ValueError("no more")

    with pytest.raises(StageError, match="no more"):
        run(project, hook=fail)
    assert len(partial_results(project)) == 2
    assert list((project.artifacts / ".store/tmp").iterdir()) == []
    assert run(project) == [2]


def test_clean_removes_partial_results_of_no_result_that_it_keeps(project: Toy) -> None:
    run(project, count=2)
    run(project, count=3, base=5)
    found = clean(project.project().store, project.project().stages, 1, remove=True, notify=print)
    assert len([item for item in found if item.what == "partial result"]) == 2
    assert len(partial_results(project)) == 3
    assert run(project, count=3, base=5, shown=1) == []


def test_clean_spares_the_partial_results_of_an_earlier_result_that_it_keeps(project: Toy) -> None:
    run(project, count=2)
    run(project, count=3, base=5)
    assert clean(project.store, project.stages, 2, remove=True, notify=print) == []
    assert run(project, count=2, shown=1) == []


def test_a_clean_up_that_is_interrupted_is_finished_by_the_next(project: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run(project, count=2)
    run(project, count=3, base=5)
    listed = {item.path for item in clean(project.store, project.stages, 1, remove=False, notify=print)}
    forget, removed = Store.forget, []

    def forget_one(store: Store, path: Path) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(path)
        forget(store, path)

    monkeypatch.setattr(Store, "forget", forget_one)
    with pytest.raises(KeyboardInterrupt):
        clean(project.store, project.stages, 1, remove=True, notify=print)
    left = clean(project.store, project.stages, 1, remove=False, notify=print)
    assert {item.path for item in left} == listed - set(removed)


def test_a_failed_run_without_a_checkpoint_leaves_no_unfinished_work(project: Toy) -> None:
    def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(StageError, match="at once"):
        run(project, hook=fail)
    found = clean(project.store, project.stages, 1, remove=True, notify=print)
    assert [item.what for item in found] == ["checkpoint"]
    assert clean(project.store, project.stages, 0, remove=False, notify=print) == []


def test_clean_spares_unfinished_work_unless_no_results_are_kept(project: Toy) -> None:
    def fail() -> None:
        if len(partial_results(project)) == 2:
            (scratch,) = (project.artifacts / ".scratch/parts").iterdir()
            (scratch / "checkpoint").write_text("half of the third")
            raise ValueError("no more")

    with pytest.raises(StageError, match="no more"):
        run(project, hook=fail)
    found = clean(project.store, project.stages, 0, remove=False, notify=print)
    assert [item.what for item in found] == ["partial result", "partial result", "checkpoint"]
    assert clean(project.store, project.stages, 1, remove=True, notify=print) == []
    assert run(project) == [2]


def test_a_kill_at_any_point_leaves_whole_partial_results_and_none_is_made_twice(
    project: Toy, capfd: pytest.CaptureFixture[str]
) -> None:
    project.run("load")
    template = project.work.rename(project.work.with_name("template"))

    def fresh_copy() -> None:
        shutil.rmtree(project.work, ignore_errors=True)
        shutil.copytree(template, project.work, symlinks=True)

    fresh_copy()
    points = operations(lambda: run(project), project.code / "operations")
    expected = result(project)
    for number, point in enumerate(points):
        fresh_copy()
        assert killed_at(number, lambda: run(project)), point
        store, left = project.store, project.store.partial_results("parts")
        assert not any(store.damage(left).values()), f"a partial result after a kill at {point}"
        made = run(project)
        assert result(project) == expected
        assert len(made) == 3 - len(left), f"the next run after a kill at {point}"
        assert list((project.artifacts / ".store/tmp").iterdir()) == []
    with capfd.disabled():
        print(f"\n  killed at {len(points)} points: partial results")  # noqa: T201 - the count is part of the proof
    assert len(points) >= 40


def test_what_a_partial_result_depends_on_is_in_its_key_and_its_stages_other_settings_are_not(project: Toy) -> None:
    run(project)
    receipts = [part.receipt for part in project.store.partial_results("parts") if part.receipt]
    assert {receipt.work.key for receipt in receipts} == {part.name for part in partial_results(project)}
    current = project.store.current("parts")
    assert current is not None
    assert current.receipt is not None
    assert set(current.receipt.partial_results) == {receipt.work.key for receipt in receipts}
    for receipt in receipts:
        assert replace(receipt.work, parameters={}, outputs=()) == replace(
            current.receipt.work, parameters={}, outputs=()
        )
        assert receipt.work.parameters["partial_result"].keys() == {"factor", "base"}
