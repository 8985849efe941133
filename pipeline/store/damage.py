"""What can be wrong with a stored result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class DamageKind(Enum):
    """What is wrong."""

    OUTPUT_MISSING = "output missing"
    OUTPUT_DAMAGED = "output damaged"
    RECEIPT_UNREADABLE = "receipt unreadable"


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong; ``subject`` is the file (``split/X_train.npy``), or why a receipt is unreadable."""

    kind: DamageKind
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.subject}" if self.subject else self.kind.value
