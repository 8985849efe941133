"""What a project tells `pipeline sweep`: by which figures trials are judged, and what its options stand for."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.figures import Figure


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure by which trials are compared: ``name`` in a JSON artifact, where ``interval`` names its two bounds."""

    name: str
    artifact: str
    highest_is_best: bool
    interval: str | None = None
    unit: str = ""

    def text(self, value: float) -> str:
        """Write a value of the metric as a person reads it."""
        return Figure(value, self.unit).text

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
