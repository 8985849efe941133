"""Decide whether a stage must run: compare its work with the results that are there. All functions are pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.planning.reasons import ABSENT, Action, Reason, ReasonKind
from pipeline.stage import Stage, maker_of
from pipeline.store.receipt import LOCATION, Receipt, Work


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """What was seen of one stage before anything ran.

    ``work`` is what it would do now, with those inputs that are known. ``current`` is the receipt of the result that
    lies in artifacts/, ``damage`` what is wrong with that. ``stored`` is an intact earlier result of the same work, as
    far as its inputs are known; it counts only where the current result does not fit.
    """

    stage: Stage
    work: Work
    current: Receipt | None = None
    damage: tuple[Reason, ...] = ()
    stored: Receipt | None = None
    origin: str = ""
    notice: str = ""

    @property
    def intact(self) -> Receipt | None:
        """The current result, unless it is damaged."""
        return None if self.damage else self.current

    @property
    def unknown_inputs(self) -> list[str]:
        """The inputs that upstream has not made yet."""
        return [path for path in self.stage.inputs if path not in self.work.inputs]

    @property
    def key(self) -> str:
        """The key of the stage's work; an empty text as long as an input is unknown."""
        return "" if self.unknown_inputs else self.work.key


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one stage and why; ``receipt`` is the result that stays or is restored, if there is one."""

    stage: str
    action: Action
    reasons: tuple[Reason, ...] = ()
    receipt: Receipt | None = None


def with_inputs(snapshot: StageSnapshot, decisions: Mapping[str, Decision]) -> StageSnapshot:
    """Fill in those inputs of a stage's work that are known from the decisions on the stages before it."""
    receipts = {path: decisions[maker_of(path)].receipt for path in snapshot.stage.inputs}
    known = {path: content for path, receipt in receipts.items() if receipt and (content := receipt.content(path))}
    return replace(snapshot, work=replace(snapshot.work, inputs=known))


def decide(snapshot: StageSnapshot, decisions: Mapping[str, Decision], *, forced: bool) -> Decision:
    """Decide for one stage, given the decisions on the stages before it."""
    name = snapshot.stage.name
    fitting = [each for each in (snapshot.intact, snapshot.stored) if each and fits(each, snapshot.work)]
    reasons = _own_reasons(snapshot)
    if forced:
        return Decision(name, Action.RUN, (Reason(ReasonKind.FORCED), *reasons))
    if makers := sorted(set(map(maker_of, snapshot.unknown_inputs))):
        kind = {Action.RUN: ReasonKind.UPSTREAM_WILL_RUN, Action.MAY_RUN: ReasonKind.UPSTREAM_MAY_CHANGE}
        waits = tuple(Reason(kind[decisions[maker].action], maker) for maker in makers)
        action = Action.MAY_RUN if fitting else Action.RUN
        return Decision(name, action, (*reasons, *waits))
    if not fitting:
        return Decision(name, Action.RUN, reasons)
    if fitting[0] is snapshot.intact:
        return Decision(name, Action.FRESH, receipt=fitting[0])
    changed = [reason for reason in reasons if reason.kind is not ReasonKind.FIRST_RUN]  # there was an earlier one
    return Decision(name, Action.RESTORE, (Reason(ReasonKind.EARLIER_RESULT), *changed), fitting[0])


def fits(receipt: Receipt, work: Work) -> bool:
    """Whether a finished result is of this work, as far as its inputs are known."""
    done = receipt.work
    return replace(done, inputs=work.inputs) == work and work.inputs.items() <= done.inputs.items()


def _own_reasons(snapshot: StageSnapshot) -> tuple[Reason, ...]:
    """Return everything that differs from the current result, not only the first thing."""
    if snapshot.current is None:
        return snapshot.damage or (Reason(ReasonKind.FIRST_RUN),)
    reasons = differences(snapshot.current.work, snapshot.work)
    return snapshot.damage + tuple(
        replace(reason, before=snapshot.current.origin, after=snapshot.origin)
        if reason.kind is ReasonKind.SOURCE_CHANGED and reason.subject == LOCATION
        else reason
        for reason in reasons
    )


def differences(before: Work, after: Work) -> tuple[Reason, ...]:
    """Return what differs between two works of one stage; inputs that ``after`` does not know are left out."""
    stage = after.stage
    reasons = [
        Reason(
            ReasonKind.PARAMETER_CHANGED,
            f"{stage}.{key}",
            before.parameters.get(key, ABSENT),
            after.parameters.get(key, ABSENT),
        )
        for key in _changed(before.parameters, after.parameters)
    ]
    reasons += [Reason(ReasonKind.SOURCE_CHANGED, name) for name in _changed(before.sources, after.sources)]
    inputs = {path: content for path, content in before.inputs.items() if path in after.inputs}
    reasons += [Reason(ReasonKind.INPUT_CHANGED, path) for path in _changed(inputs, after.inputs)]
    reasons += [Reason(ReasonKind.CODE_CHANGED, name) for name in _changed(before.code, after.code)]
    reasons += [
        Reason(ReasonKind.LIBRARY_CHANGED, name, before.libraries.get(name, ABSENT), after.libraries.get(name, ABSENT))
        for name in _changed(before.libraries, after.libraries)
    ]
    if before.outputs != after.outputs:
        reasons.append(Reason(ReasonKind.OUTPUTS_CHANGED))
    return tuple(reasons)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Collection[str]:
    return sorted(key for key in before.keys() | after.keys() if before.get(key, ABSENT) != after.get(key, ABSENT))
