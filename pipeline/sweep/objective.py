"""What a project tells `pipeline sweep`: by which figures trials are judged, and what its options stand for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that trials are compared by, ``name`` in a JSON artifact; ``interval`` names its two bounds there."""

    name: str
    artifact: str
    highest_is_best: bool
    interval: str | None = None

    @property
    def stage(self) -> str:
        return self.artifact.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Objective:
    """How a sweep judges: the first measure decides unless another is asked for, and the others break ties.

    ``effort`` names the setting that successive halving divides, a whole number (``train.epochs``), and ``folds``
    the one that says in how many folds the rows are divided, if there is such a setting.
    """

    measures: tuple[Metric, ...]
    budget: str
    folds: str | None = None
