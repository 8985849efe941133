"""The objective of a sweep, which a project defines: the metrics that trials are compared by, and some settings."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.figures import Figure
from pipeline.stage import maker_of


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
        return maker_of(self.artifact)


@dataclass(frozen=True, slots=True)
class Objective:
    """How a sweep compares trials: the first metric decides unless another is asked for, and the others break ties.

    ``budget`` names the setting that successive halving divides, a whole number (``train.epochs``). ``folds`` names
    the setting for the number of folds, and ``seed`` that for the seed of what is random, if there are any.
    """

    metrics: tuple[Metric, ...]
    budget: str
    folds: str | None = None
    seed: str | None = None
