"""The search space of a sweep: all combinations of a grid, random draws, or both; parsed from the command line.

    train.optimiser=adam,adamw            each of these values; they are TOML, and quotes may be left out
    train.hidden=[256,64],[512,128]       lists are values too
    train.dropout=0.0..0.5                drawn evenly from here to there
    train.learning_rate=log:1e-4..1e-2    drawn evenly on a logarithmic scale

A whole-number setting is drawn from whole numbers, both ends included. Nothing here runs or reads anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from pipeline.config.read_toml import SIMPLER, TomlError, parse_value, setting_problem
from pipeline.errors import ConfigError, shortened

if TYPE_CHECKING:
    import numpy as np

LOGARITHMIC = "log:"
MOST_TRIALS = 10_000  # all of them are resolved before anything runs
DIGITS = 4  # significant digits of a drawn number: more only make tables longer
EXAMPLES = "train.learning_rate=log:1e-4..1e-2, train.dropout=0.0..0.5, train.optimiser=adam,adamw"


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting and the values that it may take."""

    name: str
    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        return self.values[int(rng.integers(len(self.values)))]


@dataclass(frozen=True, slots=True)
class Range:
    """A setting and the numbers that it may take, from ``low`` to ``high``."""

    name: str
    low: float
    high: float
    is_logarithmic: bool
    is_whole: bool

    def draw(self, rng: np.random.Generator) -> int | float:
        low, high = self.low, self.high + self.is_whole  # a draw of a whole number is rounded down
        value = math.exp(rng.uniform(math.log(low), math.log(high))) if self.is_logarithmic else rng.uniform(low, high)
        rounded = math.floor(value) if self.is_whole else float(f"{value:.{DIGITS}g}")
        return type(rounded)(min(max(rounded, self.low), self.high))


def parse_choice(text: str) -> Choice:
    """Parse ``NAME=VALUE,VALUE,...``; raises ConfigError."""
    name, values = _name_and_rest(text)
    parts = [part.strip() for part in split_at_commas(values)]
    if not all(parts):
        raise ConfigError(f"a value is missing in '{text}'", hint="for example train.learning_rate=1e-3,3e-3")
    try:
        choice = Choice(name, tuple(parse_value(part) for part in parts))
    except TomlError as error:
        raise ConfigError(f"{name} cannot be {shortened(values)}: {error}", hint=SIMPLER) from error
    if problem := next(filter(None, map(setting_problem, choice.values)), ""):
        raise ConfigError(f"{name} {problem}", hint="leave that value out, or correct it")
    return choice


def parse_random(text: str, *, takes_fractions: Callable[[str], bool]) -> Choice | Range:
    """Parse ``NAME=LOW..HIGH``, ``NAME=log:LOW..HIGH`` or ``NAME=VALUE,VALUE,...``; raises ConfigError."""
    name, rest = _name_and_rest(text)
    is_logarithmic = rest.startswith(LOGARITHMIC)
    ends = [_number(part) for part in rest.removeprefix(LOGARITHMIC).split("..")]
    if len(ends) != 2 or None in ends:
        if is_logarithmic:
            raise ConfigError(f"'{text}' is no range of numbers", hint=f"for example {EXAMPLES}")
        return parse_choice(text)
    low, high = (end for end in ends if end is not None)
    if not low < high or (is_logarithmic and low <= 0):
        raise ConfigError(
            f"'{text}' is no range: {'0 < LOW < HIGH' if is_logarithmic else 'LOW < HIGH'} must hold",
            hint=f"for example {EXAMPLES}",
        )
    is_whole = not takes_fractions(name)
    if is_whole and not (low.is_integer() and high.is_integer()):
        raise ConfigError(
            f"{name} is a whole number, and so the ends of its range must be",
            where=text,
            hint=f"for example {name}=2..6",
        )
    return Range(name, low, high, is_logarithmic, is_whole)


def combine(grid: Sequence[Choice], ranges: Sequence[Choice | Range], count: int, seed: int) -> list[dict[str, Any]]:
    """Return what each trial sets: every combination of the grid, each with the same ``count`` random draws.

    Draw k depends on ``seed`` and k alone, so that a larger count begins with the draws of a smaller one.
    Raises ConfigError for a setting that is named twice, and for more than ``MOST_TRIALS`` trials.
    """
    names = [item.name for item in (*grid, *ranges)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{twice[0]} is named twice", hint="name each setting once, with all of its values")
    n_trials = math.prod(len(choice.values) for choice in grid) * (count if ranges else 1)
    if n_trials > MOST_TRIALS:
        hint = "fewer values, or random draws of them: --random 100"
        raise ConfigError(f"these are {n_trials:,} trials, and a sweep has at most {MOST_TRIALS:,}", hint=hint)
    points = [dict(zip(names, values, strict=False)) for values in product(*(choice.values for choice in grid))]
    if not ranges:
        return points
    import numpy as np

    draws = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        draws.append({item.name: item.draw(rng) for item in ranges})
    return [point | draw for point in points for draw in draws]


def split_at_commas(text: str) -> list[str]:
    """Split a text at its commas, except those within quotes and brackets."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _name_and_rest(text: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not equals or "." not in name.strip():
        raise ConfigError(f"'{text}' is not STAGE.KEY=VALUES", hint=f"for example {EXAMPLES}")
    return name.strip(), rest.strip()


def _number(text: str) -> float | None:
    """Return the number in a text, written as in TOML or Python; None if it is not a number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
