"""What will run, what may run, and why: a pure function of what was observed.

A plan is three-valued. A stage *will* run if nothing finished matches its work, whatever its inputs turn
out to be; it *may* run if an input is being rebuilt and might come out the same; it is *fresh* if the
current result matches, and *restored* if an earlier one does. Dry runs, status, JSON and the run itself
all read the same Plan.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.errors import ConfigError, StageError, first_few, nearest
from pipeline.planning.reasons import Action, Reason, ReasonKind
from pipeline.stage import Stage, upstream
from pipeline.store.receipt import LOCATION, Receipt, Work


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """What was seen of one stage before anything ran.

    ``work`` is what it would do now, with no inputs filled in. ``current`` is the receipt of what lies
    in artifacts/, ``damage`` what is wrong with it, and ``stored`` are the intact earlier results whose
    work is the same but for the inputs.
    """

    stage: Stage
    work: Work
    current: Receipt | None = None
    damage: tuple[Reason, ...] = ()
    stored: tuple[Receipt, ...] = ()
    origin: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one stage and why; ``receipt`` is the result that stands, or is restored."""

    stage: str
    action: Action
    reasons: tuple[Reason, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision for every stage, in the order in which they run."""

    decisions: tuple[Decision, ...]

    @property
    def stale(self) -> bool:
        """Whether a run would change anything."""
        return any(decision.action in {Action.RUN, Action.MAY_RUN, Action.RESTORE} for decision in self.decisions)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which stages are brought up to date, and which of them run whether they need it or not."""

    stages: tuple[str, ...]
    forced: frozenset[str] = frozenset()


def select(
    stages: Sequence[Stage],
    names: Sequence[str],
    *,
    only: bool = False,
    force: bool = False,
    first: str | None = None,
    last: str | None = None,
) -> Selection:
    """Turn the words of the command line into a selection; raises ConfigError for a stage that is not there.

    A named stage brings its upstream stages with it unless ``only``; ``first`` leaves what comes before
    a stage as it lies, ``last`` leaves out what comes after it. ``force`` concerns the stages that were
    named, not what they bring with them.
    """
    known = [stage.name for stage in stages]
    for name, words in [(name, [*known, "all"]) for name in names] + [(name, known) for name in (first, last) if name]:
        if name not in words:
            raise ConfigError(f"there is no stage '{name}'", hint=nearest(name, words, "stages"))
    named = set(known) if "all" in names else set(names)
    chosen = named if only else named.union(*(ancestors(name, stages) for name in named))
    if first is not None:
        chosen &= {name for name in known if name == first or first in ancestors(name, stages)}
    if last is not None:
        chosen &= {last, *ancestors(last, stages)}
    if not chosen:
        raise ConfigError("no stage is left to run", hint="--from must not come after --to or the stages named")
    return Selection(tuple(name for name in known if name in chosen), frozenset(named & chosen if force else ()))


def ancestors(name: str, stages: Sequence[Stage]) -> set[str]:
    """Return the names of all stages that ``name`` depends on, however far."""
    stage = next(stage for stage in stages if stage.name == name)
    direct = {other.name for other in upstream(stage, tuple(stages))}
    return direct.union(*(ancestors(other, stages) for other in direct))


def make_plan(observed: Sequence[StageSnapshot], selection: Selection) -> Plan:
    """Decide for every stage, assuming nothing of results that are not there yet."""
    decisions: dict[str, Decision] = {}
    for item in observed:
        decisions[item.stage.name] = decide_next(item, selection, decisions)
    return Plan(tuple(decisions.values()))


def decide_next(item: StageSnapshot, selection: Selection, decisions: Mapping[str, Decision]) -> Decision:
    """Decide for a stage, given the decisions on all that stand before it; raises StageError for lacking inputs."""
    name = item.stage.name
    if name not in selection.stages:
        return Decision(name, Action.LEFT, receipt=None if item.damage else item.current)
    inputs = known_inputs(item.stage, decisions)
    require_inputs(item.stage, inputs, decisions)
    return decide(item, inputs, decisions, forced=name in selection.forced)


def known_inputs(stage: Stage, decisions: Mapping[str, Decision]) -> dict[str, str | None]:
    """Return the content digest of each input, None where it is not known before upstream has run."""
    receipts = {path: decisions[path.partition("/")[0]].receipt for path in stage.inputs}
    return {path: receipt.content(path) if receipt else None for path, receipt in receipts.items()}


def require_inputs(stage: Stage, inputs: Mapping[str, str | None], decisions: Mapping[str, Decision]) -> None:
    """Raise StageError if inputs are missing or damaged and nothing in this plan will make them."""
    made = {Action.RUN, Action.MAY_RUN}
    lacking = [
        path
        for path, content in inputs.items()
        if content is None and decisions[path.partition("/")[0]].action not in made
    ]
    if lacking:
        named = first_few([f"artifacts/{path}" for path in lacking])
        makers = {path.partition("/")[0] for path in lacking}
        last = [name for name in decisions if name in makers][-1]  # making the last makes what it needs
        raise StageError(
            f"{stage.name} needs {named}: missing or damaged",
            hint=f"pipeline run {last}, or pipeline run {stage.name} without --only and --from",
        )


def decide(
    observed: StageSnapshot, inputs: Mapping[str, str | None], decisions: Mapping[str, Decision], *, forced: bool
) -> Decision:
    """Decide for one stage, given the content of its inputs as far as it is known."""
    name = observed.stage.name
    known = {path: content for path, content in inputs.items() if content is not None}
    certain = len(known) == len(inputs)
    current = observed.current if not observed.damage else None
    finished = ((current,) if current else ()) + observed.stored
    fitting = [receipt for receipt in finished if _fits(receipt, observed.work, known)]
    reasons = _own_reasons(observed, known)
    if forced:
        return Decision(name, Action.RUN, (Reason(ReasonKind.FORCED), *reasons))
    if not certain:
        makers = sorted({path.partition("/")[0] for path in inputs} - {path.partition("/")[0] for path in known})
        kind = {
            Action.RUN: ReasonKind.UPSTREAM_WILL_RUN,
            Action.MAY_RUN: ReasonKind.UPSTREAM_MAY_CHANGE,
        }
        waits = tuple(Reason(kind[decisions[maker].action], maker) for maker in makers)
        action = Action.MAY_RUN if fitting else Action.RUN
        return Decision(name, action, (*reasons, *waits))
    if not fitting:
        return Decision(name, Action.RUN, reasons)
    if current is not None and fitting[0] is current:
        return Decision(name, Action.FRESH, receipt=current)
    return Decision(name, Action.RESTORE, (Reason(ReasonKind.EARLIER_RESULT), *reasons), fitting[0])


def _fits(receipt: Receipt, work: Work, known: Mapping[str, str]) -> bool:
    """Whether a finished result is of this work, as far as the inputs are known."""
    done = receipt.work
    return replace(done, inputs={}) == replace(work, inputs={}) and all(
        done.inputs.get(path) == content for path, content in known.items()
    )


def _own_reasons(observed: StageSnapshot, known: Mapping[str, str]) -> tuple[Reason, ...]:
    """Say everything that differs from the current result, not only the first thing."""
    if observed.current is None:
        return observed.damage or (Reason(ReasonKind.FIRST_RUN),)
    reasons = differences(observed.current.work, replace(observed.work, inputs=known))
    return observed.damage + tuple(
        replace(reason, before=observed.current.origin, after=observed.origin)
        if reason.kind is ReasonKind.SOURCE_CHANGED and reason.subject == LOCATION
        else reason
        for reason in reasons
    )


def differences(before: Work, after: Work) -> tuple[Reason, ...]:
    """Name what differs between two works of one stage; inputs that ``after`` does not know are passed over."""
    stage = after.stage
    reasons = [
        Reason(ReasonKind.PARAMETER_CHANGED, f"{stage}.{key}", before.parameters.get(key), after.parameters.get(key))
        for key in _changed(before.parameters, after.parameters)
    ]
    reasons += [Reason(ReasonKind.SOURCE_CHANGED, name) for name in _changed(before.sources, after.sources)]
    inputs = {path: content for path, content in before.inputs.items() if path in after.inputs}
    reasons += [Reason(ReasonKind.INPUT_CHANGED, path) for path in _changed(inputs, after.inputs)]
    reasons += [Reason(ReasonKind.CODE_CHANGED, name) for name in _changed(before.code, after.code)]
    reasons += [
        Reason(ReasonKind.LIBRARY_CHANGED, name, before.libraries.get(name), after.libraries.get(name))
        for name in _changed(before.libraries, after.libraries)
    ]
    if before.outputs != after.outputs:
        reasons.append(Reason(ReasonKind.OUTPUTS_CHANGED))
    return tuple(reasons)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Collection[str]:
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
