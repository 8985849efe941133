"""What will run, what may run, and why: a pure function of a snapshot.

A plan is three-valued. A stage *will* run if no finished result matches its work, whatever its inputs turn
out to be. It *may* run if an input is being rebuilt and might come out the same. It is *fresh* if the
current result matches, and *restored* if an earlier one does. Dry runs, status, JSON and the run itself
all read the same Plan. staleness.py decides on a single stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import StageError
from pipeline.planning.reasons import STALE, Action
from pipeline.planning.selection import Selection
from pipeline.planning.staleness import Decision, StageSnapshot, decide, with_inputs
from pipeline.stage import maker_of

MAKES = {Action.RUN, Action.MAY_RUN}  # a stage with one of these may have a new result


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision for every stage, in the order in which they run, and what they were made from."""

    decisions: tuple[Decision, ...]
    snapshot: tuple[StageSnapshot, ...]
    selection: Selection

    @property
    def stale(self) -> bool:
        """Whether a run would change anything."""
        return any(decision.action in STALE for decision in self.decisions)

    @property
    def runs(self) -> bool:
        """Whether a stage runs, or may run. Otherwise earlier results are restored, at most."""
        return any(decision.action in MAKES for decision in self.decisions)


def make_plan(snapshot: Sequence[StageSnapshot], selection: Selection) -> Plan:
    """Decide for every stage, assuming nothing about results that do not exist yet."""
    decisions: dict[str, Decision] = {}
    for item in snapshot:
        decisions[item.stage.name] = decide_next(item, selection, decisions)
    return Plan(tuple(decisions.values()), tuple(snapshot), selection)


def decide_next(item: StageSnapshot, selection: Selection, decisions: Mapping[str, Decision]) -> Decision:
    """Decide for a stage, given the decisions on all stages before it; raises StageError if inputs are missing."""
    name = item.stage.name
    if name not in selection.stages:
        return Decision(name, Action.LEFT, receipt=item.intact)
    item = with_inputs(item, decisions)
    _require_inputs(item, decisions)
    return decide(item, decisions, forced=name in selection.forced)


def _require_inputs(item: StageSnapshot, decisions: Mapping[str, Decision]) -> None:
    """Raise StageError if inputs are missing or damaged and nothing in this plan will make them."""
    lacking = [path for path in item.unknown_inputs if decisions[maker_of(path)].action not in MAKES]
    if lacking:
        name = item.stage.name
        lacked = set(map(maker_of, lacking))
        makers = [maker for maker in decisions if maker in lacked]
        raise StageError(  # a run of the last one also runs what it needs
            f"{name} needs the result of {' and '.join(makers)}: missing or damaged",
            hint=f"pipeline run {makers[-1]}, or pipeline run {name} without --only and --from",
        )
