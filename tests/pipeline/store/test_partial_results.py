"""Finished pieces of a stage's work: kept through kills and other settings, and never trusted blindly."""

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


class PartsParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(description="How many parts")] = 3
    base: Annotated[int, msgspec.Meta(description="What each begins with")] = 0
    shown: Annotated[int, msgspec.Meta(description="How many are written")] = 9


@pytest.fixture
def project(toy: Toy) -> Toy:
    """The toy project with a stage that is made of pieces."""
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
    """Run the stage; give the numbers of the pieces that were made."""
    project.settings = {f"parts.{key}": value for key, value in settings.items()}
    watcher = Recorder(hooks={"parts": hook} if hook else {})
    project.run("parts", force=force, watcher=watcher)
    return [int(line.removeprefix("makes ")) for line in watcher.lines]


def result(project: Toy) -> list[list[int]]:
    return json.loads((project.artifacts / "parts/parts.json").read_text())


def pieces(project: Toy) -> list[Path]:
    return [piece.folder for piece in project.store.partial_results("parts")]


def test_a_further_piece_is_made_and_the_others_are_found(project: Toy) -> None:
    assert run(project) == [0, 1, 2]
    assert run(project, count=5) == [3, 4]
    assert run(project, count=4, shown=2) == []
    assert result(project) == [[0, 0, 0, 0], [1, 2, 3, 5]]
    assert run(project, count=2, base=10) == [0, 1]
    assert len(pieces(project)) == 7


@pytest.mark.parametrize(
    "change",
    [
        lambda project: project.raw.write_text("4\n"),
        lambda project: project.edit("arithmetic/offset.py", "OFFSET = 0", "OFFSET = 1"),
    ],
    ids=["input", "code"],
)
def test_pieces_of_other_inputs_or_other_code_are_not_taken(project: Toy, change: Callable[[Toy], object]) -> None:
    run(project)
    change(project)
    assert run(project) == [0, 1, 2]


def test_a_forced_stage_makes_its_pieces_anew_and_finds_those(project: Toy) -> None:
    run(project)
    assert run(project, force=True) == [0, 1, 2]
    assert len(pieces(project)) == 3


SPOILERS: dict[str, Callable[[Path], object]] = {
    "a flipped byte": lambda piece: (piece / "multiples.json").write_text("[9, 9, 9, 9]"),
    "a missing file": lambda piece: (piece / "note.txt").unlink(),
    "no receipt": lambda piece: (piece / FILE_NAME).unlink(),
    "an edited receipt": lambda piece: (piece / FILE_NAME).write_text(
        (piece / FILE_NAME).read_text().replace('"factor": 1', '"factor": 8')
    ),
    "a link": lambda piece: (shutil.move(piece, piece.parent.parent / "a"), piece.symlink_to("../a")),
    "another piece's folder": lambda piece: (
        shutil.rmtree(piece),
        shutil.copytree(next(folder for folder in piece.parent.iterdir() if folder != piece), piece),
    ),
}


def test_spoilers_spoil_the_piece_that_is_meant(project: Toy) -> None:
    run(project)
    assert sum('"factor": 1' in (piece / FILE_NAME).read_text() for piece in pieces(project)) == 1


@pytest.mark.parametrize("what", SPOILERS)
def test_a_damaged_piece_is_made_anew(project: Toy, what: str) -> None:
    run(project)
    victim = next(piece for piece in pieces(project) if '"factor": 1' in (piece / FILE_NAME).read_text())
    SPOILERS[what](victim)
    assert run(project, shown=8) == [1]
    assert result(project)[1] == [1, 2, 3, 5]


@pytest.mark.parametrize("what", ["a flipped byte", "a missing file", "no receipt"])
def test_verify_finds_a_damaged_piece(project: Toy, what: str) -> None:
    run(project)
    assert [finding.problem for finding in verify(project.project()) if finding.stage == "parts"] == [""] * 4
    SPOILERS[what](pieces(project)[0])
    assert (
        len(
            [
                finding
                for finding in verify(project.project())
                if finding.generation.startswith("partial result") and finding.problem
            ]
        )
        == 1
    )


def test_a_piece_made_while_the_code_changed_is_not_kept_and_earlier_ones_are(project: Toy) -> None:
    seen = []

    def edit() -> None:
        seen.append(1)
        if len(seen) == 2:
            (project.code / project.package / "arithmetic/offset.py").write_text("OFFSET = 7\n")

    with pytest.raises(StageError, match="something changed while parts ran"):
        run(project, hook=edit)
    assert len(pieces(project)) == 1
    project.forget_modules()
    assert run(project) == [0, 1, 2]
    assert result(project)[0] == [7, 7, 7, 7]


def test_a_piece_made_while_an_input_changed_is_not_kept(project: Toy) -> None:
    with pytest.raises(StageError, match=r"output damaged: load/numbers\.json"):
        run(project, hook=lambda: (project.artifacts / "load/numbers.json").write_text("[4]"))
    assert pieces(project) == []


def test_an_error_loses_what_was_being_made_and_nothing_else(project: Toy) -> None:
    def fail() -> None:
        if len(pieces(project)) == 2:
            raise ValueError("no more")

    with pytest.raises(StageError, match="no more"):
        run(project, hook=fail)
    assert len(pieces(project)) == 2
    assert list((project.artifacts / ".store/tmp").iterdir()) == []
    assert run(project) == [2]


def test_clean_removes_pieces_of_no_result_that_it_keeps(project: Toy) -> None:
    run(project, count=2)
    run(project, count=3, base=5)
    found = clean(project.project().store, project.project().stages, 1, remove=True, notify=print)
    assert len([item for item in found if item.what == "partial result"]) == 2
    assert len(pieces(project)) == 3
    assert run(project, count=3, base=5, shown=1) == []


def test_a_kill_at_any_point_leaves_whole_pieces_and_none_is_made_twice(
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
        assert not any(store.damage(left).values()), f"a piece after a kill at {point}"
        made = run(project)
        assert result(project) == expected
        assert len(made) == 3 - len(left), f"the next run after a kill at {point}"
        assert list((project.artifacts / ".store/tmp").iterdir()) == []
    with capfd.disabled():
        print(f"\n  killed at {len(points)} points: pieces")  # noqa: T201 - the count is part of the proof
    assert len(points) >= 40


def test_what_a_piece_depends_on_is_in_its_key_and_its_stages_other_settings_are_not(project: Toy) -> None:
    run(project)
    receipts = [piece.receipt for piece in project.store.partial_results("parts") if piece.receipt]
    assert {receipt.work.key for receipt in receipts} == {piece.name for piece in pieces(project)}
    current = project.store.current("parts")
    assert current is not None
    assert current.receipt is not None
    assert set(current.receipt.partial_results) == {receipt.work.key for receipt in receipts}
    for receipt in receipts:
        assert replace(receipt.work, parameters={}, outputs=()) == replace(
            current.receipt.work, parameters={}, outputs=()
        )
        assert receipt.work.parameters["partial_result"].keys() == {"factor", "base"}
