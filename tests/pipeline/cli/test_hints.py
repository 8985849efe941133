"""The commands that messages name can be typed as they stand: they have the options of the call that was answered."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from toy_project import Invoke, Toy

from pipeline.cli import main
from pipeline.terminal.commands_as_typed import LONGEST, as_typed, remember
from stages import STAGES

SETS = (("--set", "train.epochs=5"), ("--set", "train.hidden=[64, 32]"))
WRITTEN = "--set train.epochs=5 --set 'train.hidden=[64, 32]'"


def typed(text: str, given: tuple[tuple[str, str], ...] = SETS, folder: Path | None = None) -> str:
    with click.Context(main):
        remember("folder", folder)
        remember("settings", given)
        remember("stages", [stage.name for stage in STAGES])
        return as_typed(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pipeline run evaluate brings it up to date", f"pipeline run evaluate {WRITTEN} brings it up to date"),
        ("pipeline run split train --force", f"pipeline run split train {WRITTEN} --force"),
        ("fetch; then pipeline run all", f"fetch; then pipeline run all {WRITTEN}"),
        (
            "pipeline run split, or pipeline run train without --only",
            f"pipeline run split {WRITTEN}, or pipeline run train {WRITTEN} without --only",
        ),
        ("change one; `pipeline config` shows them", f"change one; `pipeline config {WRITTEN}` shows them"),
        ("pipeline runs shows them", "pipeline runs shows them"),  # it takes no settings
        ("another pipeline is writing here", "another pipeline is writing here"),
        ("write '/x/my pipeline run train/a.csv'", "write '/x/my pipeline run train/a.csv'"),
        ("write '/x/it'\"'\"'s pipeline run/a.csv'", "write '/x/it'\"'\"'s pipeline run/a.csv'"),
        ("'a b', or pipeline run all", f"'a b', or pipeline run all {WRITTEN}"),
    ],
)
def test_settings_are_repeated_in_the_commands_that_take_them(text: str, expected: str) -> None:
    assert typed(text) == expected


def test_what_a_hint_sets_itself_is_not_set_before() -> None:
    assert typed("pipeline run train --set train.epochs=9, or less") == (
        "pipeline run train --set 'train.hidden=[64, 32]' --set train.epochs=9, or less"
    )
    assert typed("pipeline upload -m MESSAGE --like 1 sends it; pipeline run all makes it") == (
        f"pipeline upload -m MESSAGE --like 1 sends it; pipeline run all {WRITTEN} makes it"
    )


def test_the_folder_is_repeated_in_every_command() -> None:
    folder = Path("my work")
    assert typed("pipeline fetch mnist", folder=folder) == "pipeline -C 'my work' fetch mnist"
    assert typed("pipeline run train", folder=folder) == f"pipeline -C 'my work' run train {WRITTEN}"


def test_a_hint_stays_bounded_and_is_left_alone_outside_of_a_command() -> None:
    assert len(typed("pipeline run all", (("--set", f"train.epochs={'9' * 100_000}"),))) < LONGEST + 100
    many = tuple(("--set", f"train.{'x' * 20}{number}=1") for number in range(60))
    assert typed("pipeline run all, pipeline run train", many).count("=1") == 120  # none is cut
    assert as_typed("pipeline run all") == "pipeline run all"


def test_the_hint_of_an_error_repeats_all_that_was_given(
    toy: Toy, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("--preset", "cubes", "--set", "total.start=2")
    told = invoke("run", "total", "--only", *given).stderr
    words = "--preset cubes --set total.start=2"
    assert f"hint:  pipeline run parity {words}, or pipeline run total {words} without --only" in told
    invoke("run", "load", *given)
    told = invoke("run", "total", "--only", "--like", "-1").stderr
    assert "hint:  pipeline run parity --like 1, or pipeline run total --like 1 without" in told
    monkeypatch.chdir(toy.work.parent)
    told = invoke("run", "total", "--only", "-C", toy.work.name).stderr
    assert f"hint:  pipeline -C {toy.work.name} run parity, or pipeline -C {toy.work.name} run total" in told


def test_settings_that_are_refused_are_not_repeated(invoke: Invoke) -> None:
    """The command that says which settings there are would be refused too."""
    told = invoke("run", "all", "--set", "total.qqq=1").stderr
    assert "error: total has no setting 'qqq'" in told
    assert "; pipeline config shows them all\n" in told


def test_other_commands_name_the_folder_too(toy: Toy, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(toy.work.parent)
    here = ("-C", toy.work.name)
    command = f"pipeline -C {toy.work.name}"
    for name in ("runs", "verify"):
        assert f"  hint:  {command} run all\n" in invoke(name, *here).stderr
    assert f"  hint:  {command} run total\n" in invoke("why", "total", *here).stderr
    invoke("run", "all", *here)
    (toy.artifacts / "power/powers.npy").write_bytes(b"0")
    assert f"\n  hint:  {command} run power\n" in invoke("why", "total", *here).stderr


def test_a_plan_says_what_to_put_in_place_of_the_settings_that_were_given(invoke: Invoke) -> None:
    invoke("run", "all", "--set", "total.start=4")
    told = "to keep the present results, "
    assert f"{told}add --set total.start=4." in invoke("status").stdout
    changed = invoke("status", "--set", "total.start=5", columns=200).stdout
    assert f"{told}put --set total.start=4 in place of --set total.start=5." in changed
    more = invoke("status", "--set", "total.start=5", "--set", "power.exponent=3", columns=200).stdout
    kept, given = "--set power.exponent=2 --set total.start=4", "--set total.start=5 --set power.exponent=3"
    assert f"{told}put {kept} in place of {given}." in more
