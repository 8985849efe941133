"""A plan says what will run, what may run, and why; and then that is what happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_project import Toy, actions, make_stages, why

from pipeline.errors import ConfigError, DataError, StageError
from pipeline.planning.plan import Plan, make_plan
from pipeline.planning.reasons import ABSENT, Action, Reason, ReasonKind
from pipeline.planning.selection import Selection, select
from pipeline.planning.staleness import Decision, StageSnapshot, decide
from pipeline.stage import Artifact, Parameters, Stage
from pipeline.store.receipt import Output, Receipt, Work

STAGES = make_stages("toy_never_imported")
ALL = Selection(("load", "power", "parity", "total"))
CONTENTS = {
    "load": {"numbers.json": "n1"},
    "power": {"powers.npy": "p1"},
    "parity": {"parity.json": "q1"},
    "total": {"total.csv": "t1", "summary.json": "s1"},
}


def make_work(stage: Stage) -> Work:
    return Work(
        stage=stage.name,
        parameters={"exponent": 2},
        inputs={},
        sources={"numbers": "r1"} if stage.sources else {},
        code={f"toy.{stage.name}": "c1"},
        libraries={"numpy": "2.0"},
        outputs=tuple(artifact.path for artifact in stage.outputs),
    )


def make_receipt(stage: Stage, contents: dict[str, str] | None = None, **inputs: str) -> Receipt:
    """What a finished stage leaves behind; ``inputs`` gives another content to all files of an upstream stage."""
    wanted = {path: path.partition("/") for path in stage.inputs}
    content = {path: inputs.get(parts[0], CONTENTS[parts[0]][parts[2]]) for path, parts in wanted.items()}
    outputs = contents or CONTENTS[stage.name]
    return Receipt(
        work=replace(make_work(stage), inputs=content),
        outputs={name: Output(1, f"bytes of {value}", value) for name, value in outputs.items()},
        figures={},
        warnings=(),
        origin="",
        notice="",
        finished="",
        seconds=0.0,
    )


def finished() -> dict[str, StageSnapshot]:
    """All four stages done, and nothing changed since."""
    return {stage.name: StageSnapshot(stage, make_work(stage), make_receipt(stage)) for stage in STAGES}


def plan_of(observed: dict[str, StageSnapshot], selection: Selection = ALL) -> Plan:
    return make_plan(tuple(observed.values()), selection)


def changed(observed: dict[str, StageSnapshot], stage: str, **work: object) -> dict[str, StageSnapshot]:
    item = observed[stage]
    return {**observed, stage: replace(item, work=replace(item.work, **work))}


def test_with_nothing_changed_everything_is_fresh() -> None:
    plan = plan_of(finished())
    assert set(actions(plan).values()) == {"fresh"}
    assert not plan.stale


def test_a_plan_decides_once_for_each_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    decided: list[str] = []

    def counted(item: StageSnapshot, *more: Any, **extra: Any) -> Decision:
        decided.append(item.stage.name)
        return decide(item, *more, **extra)

    monkeypatch.setattr("pipeline.planning.plan.decide", counted)
    plan_of(finished())
    assert decided == list(ALL.stages)


def test_with_nothing_there_everything_will_run_for_the_first_time() -> None:
    plan = plan_of({name: replace(item, current=None) for name, item in finished().items()})
    assert set(actions(plan).values()) == {"will run"}
    assert why(plan, "load") == ["first run"]
    assert why(plan, "total") == ["first run", "upstream will run: parity", "upstream will run: power"]
    assert plan.stale


@pytest.mark.parametrize(
    ("work", "reason", "text"),
    [
        (
            {"parameters": {"exponent": 3}},
            Reason(ReasonKind.PARAMETER_CHANGED, "load.exponent", 2, 3),
            "load.exponent 2 -> 3",
        ),
        (
            {"parameters": {"exponent": 2, "on": True}},
            Reason(ReasonKind.PARAMETER_CHANGED, "load.on", ABSENT, True),
            "load.on absent -> true",
        ),
        (
            {"sources": {"numbers": "r2"}},
            Reason(ReasonKind.SOURCE_CHANGED, "numbers"),
            "source changed: numbers",
        ),
        ({"code": {"toy.load": "c2"}}, Reason(ReasonKind.CODE_CHANGED, "toy.load"), "code changed: toy.load"),
        (
            {"code": {"toy.load": "c1", "toy.new": "c1"}},
            Reason(ReasonKind.CODE_CHANGED, "toy.new"),
            "code changed: toy.new",
        ),
        ({"code": {}}, Reason(ReasonKind.CODE_CHANGED, "toy.load"), "code changed: toy.load"),
        (
            {"libraries": {"numpy": "2.1"}},
            Reason(ReasonKind.LIBRARY_CHANGED, "numpy", "2.0", "2.1"),
            "numpy 2.0 -> 2.1",
        ),
        ({"outputs": ("load/other",)}, Reason(ReasonKind.OUTPUTS_CHANGED), "outputs changed"),
    ],
)
def test_each_change_has_a_typed_reason_and_what_follows_may_run(
    work: dict[str, object], reason: Reason, text: str
) -> None:
    plan = plan_of(changed(finished(), "load", **work))
    assert plan.decisions[0].reasons == (reason,)
    assert str(reason) == text
    assert list(actions(plan).values()) == ["will run", "may run", "may run", "may run"]
    assert why(plan, "power") == ["upstream will run: load"]
    assert why(plan, "total") == ["upstream may change: parity", "upstream may change: power"]


def test_a_setting_that_an_earlier_version_did_not_know_was_absent() -> None:
    """Also one whose value is None now, which an absent one must not be taken for."""
    power = replace(make_work(STAGES[1]), parameters={"exponent": 2, "limit": None})
    plan = plan_of(changed(finished(), "power", parameters=power.parameters))
    (reason,) = plan.decisions[1].reasons
    assert (reason.subject, reason.before, reason.after) == ("power.limit", ABSENT, None)


def test_all_reasons_are_told_and_not_only_the_first() -> None:
    observed = changed(finished(), "load", parameters={"exponent": 3}, sources={"numbers": "r2"}, libraries={})
    assert why(plan_of(observed), "load") == ["load.exponent 2 -> 3", "source changed: numbers", "numpy 2.0 -> absent"]


@pytest.mark.parametrize(
    "damage",
    [
        Reason(ReasonKind.OUTPUT_MISSING, "power/powers.npy"),
        Reason(ReasonKind.OUTPUT_DAMAGED, "power/powers.npy"),
        Reason(ReasonKind.RECEIPT_UNREADABLE, "its seal is broken"),
    ],
)
def test_a_damaged_result_will_run_again_and_what_follows_may_not_need_to(damage: Reason) -> None:
    observed = finished()
    observed["power"] = replace(
        observed["power"],
        damage=(damage,),
        current=None if damage.kind is ReasonKind.RECEIPT_UNREADABLE else observed["power"].current,
    )
    plan = plan_of(observed)
    assert list(actions(plan).values()) == ["fresh", "will run", "fresh", "may run"]
    assert plan.decisions[1].reasons == (damage,)


def test_a_changed_input_that_is_already_known_makes_it_certain() -> None:
    observed = finished()
    observed["load"] = replace(observed["load"], current=make_receipt(STAGES[0], {"numbers.json": "n2"}))
    plan = plan_of(observed)
    assert list(actions(plan).values()) == ["fresh", "will run", "will run", "may run"]
    assert why(plan, "power") == ["input changed: load/numbers.json"]


def test_a_stage_with_changed_settings_will_run_whatever_its_inputs_are() -> None:
    observed = changed(changed(finished(), "load", code={}), "total", parameters={"exponent": 3})
    plan = plan_of(observed)
    assert actions(plan)["total"] == "will run"
    assert "total.exponent 2 -> 3" in why(plan, "total")


def test_an_earlier_result_is_restored_and_what_follows_is_decided_with_it() -> None:
    observed = finished()
    now = replace(observed["power"].work, parameters={"exponent": 3})
    earlier = make_receipt(STAGES[1], {"powers.npy": "p3"})
    earlier = replace(earlier, work=replace(now, inputs=earlier.work.inputs))
    observed["power"] = replace(observed["power"], work=now, stored=earlier)
    plan = plan_of(observed)
    assert list(actions(plan).values()) == ["fresh", "restore", "fresh", "will run"]
    assert plan.decisions[1].receipt == earlier
    assert why(plan, "power") == ["earlier result fits", "power.exponent 2 -> 3"]
    assert why(plan, "total") == ["input changed: power/powers.npy"]
    assert plan.stale


def test_an_earlier_result_of_other_inputs_is_not_restored() -> None:
    observed = finished()
    now = replace(observed["power"].work, parameters={"exponent": 3})
    earlier = make_receipt(STAGES[1], load="another")
    earlier = replace(earlier, work=replace(now, inputs=earlier.work.inputs))
    observed["power"] = replace(observed["power"], work=now, stored=earlier)
    assert actions(plan_of(observed))["power"] == "will run"


def test_a_forced_stage_will_run_and_its_other_reasons_are_told_too() -> None:
    observed = changed(finished(), "power", parameters={"exponent": 3})
    plan = plan_of(observed, Selection(ALL.stages, frozenset({"power", "parity"})))
    assert list(actions(plan).values()) == ["fresh", "will run", "will run", "may run"]
    assert why(plan, "power") == ["forced", "power.exponent 2 -> 3"]
    assert why(plan, "parity") == ["forced"]


def test_a_stage_whose_link_alone_is_gone_is_restored_and_not_called_a_first_run() -> None:
    total = finished()["total"]
    plan = plan_of({**finished(), "total": replace(total, current=None, stored=make_receipt(total.stage))})
    assert actions(plan)["total"] == "restore"
    assert why(plan, "total") == ["earlier result fits"]


def test_every_kind_of_reason_is_tried_here() -> None:
    source = Path(__file__).read_text()
    texts = {"FORCED": '"forced"', "FIRST_RUN": '"first run"', "EARLIER_RESULT": '"earlier result fits"'}
    texts |= {"INPUT_CHANGED": '"input changed:', "UPSTREAM_WILL_RUN": '"upstream will run:'}
    texts |= {"UPSTREAM_MAY_CHANGE": '"upstream may change:'}
    for kind in ReasonKind:
        assert texts.get(kind.name, f"ReasonKind.{kind.name}") in source


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_raw_file_that_is_a_folder_or_a_pipe_is_refused_and_not_waited_for(
    toy: Toy, make: Callable[[Path], None]
) -> None:
    toy.raw.unlink()
    make(toy.raw)
    with pytest.raises(DataError, match="this is not a file") as caught:
        toy.plan()
    assert caught.value.where == str(toy.raw)


# selecting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "options", "expected", "forced"),
    [
        (["all"], {}, "load power parity total", ""),
        (["power"], {}, "load power", ""),
        (["total"], {}, "load power parity total", ""),
        (["parity", "power"], {}, "load power parity", ""),
        (["power"], {"only": True}, "power", ""),
        (["total", "load"], {"only": True}, "load total", ""),
        (["all"], {"only": True}, "load power parity total", ""),
        (["all"], {"first": "power"}, "power parity total", ""),
        (["all"], {"last": "power"}, "load power", ""),
        (["all"], {"last": "parity"}, "load power parity", ""),
        (["power"], {"first": "load", "last": "parity"}, "load power", ""),
        (["all"], {"first": "power", "last": "power"}, "power", ""),
        (["total"], {"first": "parity"}, "parity total", ""),
        (["power"], {"force": True}, "load power", "power"),
        (["all"], {"force": True}, "load power parity total", "load power parity total"),
        (["all"], {"force": True, "first": "power"}, "power parity total", "power parity total"),
        (["load", "total"], {"force": True, "only": True}, "load total", "load total"),
    ],
)
def test_words_choose_stages(names: list[str], options: dict[str, object], expected: str, forced: str) -> None:
    found = select(STAGES, names, **options)
    assert found.stages == tuple(expected.split())
    assert found.forced == frozenset(forced.split())


@pytest.mark.parametrize(
    ("names", "options"),
    [(["totl"], {}), (["all"], {"first": "totl"}), (["all"], {"last": "totl"}), (["all"], {"first": "all"})],
)
def test_a_stage_that_is_not_there_is_wrong_usage(names: list[str], options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"there is no stage '(totl|all)'") as caught:
        select(STAGES, names, **options)
    assert "total" in caught.value.hint


def test_an_empty_choice_is_wrong_usage() -> None:
    with pytest.raises(ConfigError, match="no stage is left"):
        select(STAGES, ["all"], first="total", last="load")


@pytest.mark.parametrize(
    ("names", "options"),
    [(["load"], {"first": "power"}), (["total"], {"last": "power"}), (["load", "total"], {"first": "power"})],
)
def test_a_named_stage_is_never_left_out(names: list[str], options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"{names[0]} cannot be run: --from or --to leaves it out"):
        select(STAGES, names, **options)


def test_only_takes_what_lies_there_and_says_what_makes_it_if_it_does_not() -> None:
    observed = changed(finished(), "load", parameters={"exponent": 9})
    plan = plan_of(observed, select(STAGES, ["total"], only=True))
    assert list(actions(plan).values()) == ["left as it is", "left as it is", "left as it is", "fresh"]
    for broken in (
        replace(observed["power"], current=None),
        replace(observed["power"], damage=(Reason(ReasonKind.OUTPUT_DAMAGED, "power/powers.npy"),)),
    ):
        with pytest.raises(StageError, match=r"total needs the result of power") as caught:
            plan_of({**observed, "power": broken}, select(STAGES, ["total"], only=True))
        assert caught.value.hint.startswith("pipeline run power")


# a plan is kept ------------------------------------------------------------------------------------


class NodeParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(description="What it adds")] = 0
    divisor: Annotated[int, msgspec.Meta(ge=1, description="What it divides by")] = 1


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """For each of up to five nodes, the earlier nodes that it reads."""
    size = draw(st.integers(2, 5))
    return [draw(st.lists(st.integers(0, node - 1), unique=True, max_size=2)) if node else [] for node in range(size)]


def nodes(package: str, graph: list[list[int]]) -> tuple[Stage, ...]:
    return tuple(
        Stage(
            name=f"node{number}",
            summary="",
            function=f"{package}.dag:work",
            parameters=NodeParameters,
            inputs=tuple(f"node{other}/out.json" for other in sorted(read)),
            outputs=(Artifact(f"node{number}/out.json", check=f"{package}.dag:check"),),
        )
        for number, read in enumerate(graph)
    )


STEPS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 4), st.tuples(st.integers(0, 3), st.integers(1, 3)), max_size=2),
        st.none() | st.integers(0, 4),
        st.sampled_from(["all", "last", "only", "force"]),
    ),
    min_size=1,
    max_size=3,
)
BECOMES = {
    "will run": {"will run"},
    "may run": {"will run", "fresh", "restore"},
    "fresh": {"fresh"},
    "restore": {"restore"},
}


def test_what_runs_was_announced_and_what_was_announced_runs(toy: Toy, tmp_path: Path) -> None:
    """For random graphs, settings, damages and selections: will implies ran, and ran implies will or may."""

    @settings(max_examples=15, deadline=None)
    @given(graph=graphs(), steps=STEPS)
    def check(graph: list[list[int]], steps: list[tuple[dict[int, tuple[int, int]], int | None, str]]) -> None:
        toy.work = tmp_path / "graph"
        shutil.rmtree(toy.work, ignore_errors=True)
        toy.work.mkdir()
        toy.stages, toy.settings = nodes(toy.package, graph), {}
        toy.run("all")
        for changes, damaged, how in steps:
            for number, (value, divisor) in changes.items():
                if number < len(graph):
                    toy.settings |= {f"node{number}.value": value, f"node{number}.divisor": divisor}
            if damaged is not None and damaged < len(graph):
                (toy.artifacts / f"node{damaged}" / "out.json").write_text("spoilt")
            names = ["all"] if how in {"all", "force"} else [f"node{len(graph) - 1}"]
            try:
                plan = toy.plan(*names, only=how == "only", force=how == "force")
            except StageError:
                with pytest.raises(StageError):
                    toy.run(*names, only=how == "only", force=how == "force")
                continue
            done = actions(toy.run(*names, only=how == "only", force=how == "force"))
            announced = {name: action for name, action in actions(plan).items() if action != Action.LEFT.value}
            assert done.keys() == announced.keys()
            assert all(done[name] in BECOMES[announced[name]] for name in done)
        toy.run("all")
        values: list[int] = []
        for number, read in enumerate(graph):
            value = toy.settings.get(f"node{number}.value", 0) + sum(values[other] for other in read)
            values.append(value // toy.settings.get(f"node{number}.divisor", 1))
            assert (toy.artifacts / f"node{number}" / "out.json").read_text() == str(values[-1])

    check()


def test_a_rebuilt_stage_with_the_same_result_reruns_nothing_after_it(toy: Toy) -> None:
    toy.run("all")
    toy.raw.write_text("3\n4\n5\nfour\n7\n")  # other numbers, odd and even as before
    plan = toy.plan()
    assert list(actions(plan).values()) == ["will run", "may run", "may run", "may run"]
    done = actions(toy.run("all"))
    assert list(done.values()) == ["will run", "will run", "will run", "will run"]
    toy.raw.write_text("3\n4\n5\nsix\n7\n")  # the same numbers, another word rejected
    assert list(actions(toy.run("all")).values()) == ["will run", "fresh", "fresh", "fresh"]
