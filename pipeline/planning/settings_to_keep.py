"""The hint for settings that make results stale: the options that would keep the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from shlex import join

from pipeline.planning.plan import Plan, make_plan
from pipeline.planning.reasons import ABSENT, STALE, ReasonKind
from pipeline.write_toml import setting_text

MOST_NAMED = 4  # for up to so many settings a hint names each of them, for more it names the run
LONGEST_NAMED = 200  # letters of these settings: the line of an error is cut after 1,000


def settings_to_keep(plan: Plan, given: Sequence[tuple[str, str]]) -> str:
    """Say which settings would keep the present results fresh; an empty text if no settings would.

    ``given`` are the options of this call that gave settings: ``("--set", "train.epochs=5")``. What they changed must
    be replaced by others.
    """
    reasons = [reason for decision in plan.decisions if decision.action in STALE for reason in decision.reasons]
    changed = [reason for reason in reasons if reason.kind is ReasonKind.PARAMETER_CHANGED]
    if not changed or any(reason.before == ABSENT for reason in changed):
        return ""
    own = [
        replace(item, work=replace(item.work, parameters=item.current.work.parameters)) if item.current else item
        for item in plan.snapshot
    ]
    if make_plan(own, plan.selection).stale:  # something else has changed too
        return ""
    kept = [("--set", f"{reason.subject}={setting_text(reason.before)}") for reason in changed]
    if len(kept) > MOST_NAMED or len(_written(kept)) > LONGEST_NAMED:
        like, shown = "--like and the number of their run", "which pipeline runs shows"
        instead = f"put {like}, {shown}, in place of {_written(given)}"
        return f"to keep the present results, {instead if given else f'add {like}, {shown}'}"
    names = {text.partition("=")[0] for _, text in kept}
    wrong = [each for each in given if each[0] == "--set" and each[1].partition("=")[0].strip() in names]
    instead = f" in place of {_written(wrong)}" if wrong else ""
    return f"to keep the present results, {'put' if wrong else 'add'} {_written(kept)}{instead}"


def _written(options: Iterable[tuple[str, str]]) -> str:
    return join(word for option in options for word in option)
