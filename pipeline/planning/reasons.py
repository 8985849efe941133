"""Why a stage runs: the reasons as typed values, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pipeline.errors import first_few
from pipeline.stage import maker_of
from pipeline.store.receipt import LOCATION, Damage
from pipeline.write_toml import setting_text

MOST_EDITS = 20  # more changed definitions than these mean another release of the program
MOST_SHOWN = 2  # reasons shown in a table; --json has them all


class Action(Enum):
    """What happens to a stage."""

    RUN = "will run"
    MAY_RUN = "may run"
    RESTORE = "restore"
    FRESH = "fresh"
    LEFT = "left as it is"


class ReasonKind(Enum):
    """Why a stage runs."""

    FIRST_RUN = "first run"
    FORCED = "forced"
    OUTPUT_MISSING = "output missing"
    OUTPUT_DAMAGED = "output damaged"
    RECEIPT_UNREADABLE = "receipt unreadable"
    PARAMETER_CHANGED = "parameter changed"
    INPUT_CHANGED = "input changed"
    SOURCE_CHANGED = "source changed"
    CODE_CHANGED = "code changed"
    LIBRARY_CHANGED = "library changed"
    OUTPUTS_CHANGED = "outputs changed"
    UPSTREAM_WILL_RUN = "upstream will run"
    UPSTREAM_MAY_CHANGE = "upstream may change"
    EARLIER_RESULT = "earlier result fits"


ABSENT = "absent"  # in place of a value, if a setting or a library is new or gone
STALE = {Action.RUN, Action.MAY_RUN, Action.RESTORE}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; ``subject`` is a parameter, a file, a stage or a function, by its full name."""

    kind: ReasonKind
    subject: str = ""
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        match self.kind:
            case ReasonKind.PARAMETER_CHANGED | ReasonKind.LIBRARY_CHANGED:
                return f"{self.subject} {setting_text(self.before)} -> {setting_text(self.after)}"
            case _ if self.subject:
                return f"{self.kind.value}: {self.subject}"
            case _:
                return str(self.kind.value)


def reason_of(damage: Damage) -> Reason:
    """Return damage to a result as a reason to run again."""
    return Reason(ReasonKind(damage.kind.value), damage.subject)


def reasons_text(reasons: Sequence[Reason]) -> str:
    """Write reasons in a few words. Changed inputs are named only if there is no other reason.

    Changed code is one reason: a new line in a helper changes the helper and all that use it.
    """
    told = [reason for reason in reasons if reason.kind is not ReasonKind.INPUT_CHANGED]
    if reasons and not told:
        return f"{', '.join(sorted({maker_of(reason.subject) for reason in reasons}))} changed"
    code = [reason.subject for reason in told if reason.kind is ReasonKind.CODE_CHANGED]
    moved = [reason for reason in told if reason.subject == LOCATION and reason.before != reason.after]
    texts = [f"other raw files (before {moved[0].before}, now {moved[0].after})"] if moved else []
    apart = {ReasonKind.CODE_CHANGED, *([ReasonKind.SOURCE_CHANGED] if moved else [])}
    texts += [str(reason) for reason in told if reason.kind not in apart]
    if len(code) > MOST_EDITS:
        texts.append("the program was updated")
    elif code:
        texts.append(f"{ReasonKind.CODE_CHANGED.value}: {first_few(code, 1)}")
    return first_few(texts, MOST_SHOWN, separator="; ")
