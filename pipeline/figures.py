"""A figure: a number or a text that a stage reports, and how a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = int | float | str | None
SHARE = "share"  # the unit of a share of 1, which people read in percent


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its unit, which is ``SHARE`` or a word that follows the value. The list of runs shows headlines too.

    A plain value, such as a count, may be given instead of a figure.
    """

    value: Value
    unit: str = ""
    is_headline: bool = False

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        if isinstance(self.value, float):
            shown = percent(self.value) if self.unit == SHARE else f"{self.value:.4g}"
        else:
            shown = f"{self.value:,}" if isinstance(self.value, int) else str(self.value)
        return shown if self.unit in {"", SHARE} else f"{shown} {self.unit}"


AnyFigure = Figure | Value


def as_figure(value: AnyFigure, name: str = "") -> Figure:
    """Return a plain value as a figure.

    Runs of earlier versions logged plain values. Their shares are known by ``name``, and accuracies are headlines.
    """
    if isinstance(value, Figure):
        return value
    is_share = isinstance(value, float) and name.endswith(("accuracy", "score"))
    return Figure(value, SHARE if is_share else "", is_headline=is_share and name.endswith("accuracy"))


def read_figure(data: Any) -> AnyFigure:
    """Return the figure of plain data; raises TypeError if the data is not a figure."""
    return Figure(**data) if isinstance(data, dict) else data


def values_of(figures: Mapping[str, AnyFigure]) -> dict[str, Value]:
    """Return the figures as --json shows them: their values by name."""
    return {name: as_figure(figure).value for name, figure in figures.items()}


def percent(share: float) -> str:
    """Write a share in percent: ``99.12 %``, and ``under 0.01 %`` where that would be ``0.00 %``."""
    return "under 0.01 %" if 0 < share < 0.0001 else f"{100 * share:.2f} %"


def counted(n: int, noun: str, plural: str = "") -> str:
    """Write a number of things: ``1 trial``, ``1,000 trials``; ``plural`` is for nouns that take more than an s."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"
