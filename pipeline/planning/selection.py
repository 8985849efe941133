"""Which stages the words of the command line mean: those named, and what they depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config import Config
from pipeline.config.given_settings import BY_PRESET, BY_SET
from pipeline.errors import ConfigError, nearest, shortened
from pipeline.stage import Stage, upstream


@dataclass(frozen=True, slots=True)
class Selection:
    """Which stages are brought up to date, and which of them run whether they need it or not."""

    stages: tuple[str, ...]
    forced: frozenset[str] = frozenset()


def select(
    stages: Sequence[Stage],
    names: Sequence[str],
    *,
    only: bool = False,
    force: bool = False,
    first: str | None = None,
    last: str | None = None,
) -> Selection:
    """Turn the words of the command line into a selection; raises ConfigError for a stage that is not there.

    A named stage brings the stages that it depends on with it, unless ``only``. In the list of stages, ``first`` leaves
    out the stages before a stage, ``last`` those after it. ``force`` concerns the stages that were named, not
    those that they bring.
    """
    known = [stage.name for stage in stages]
    for name, words in [(name, [*known, "all"]) for name in names] + [
        (name, known) for name in (first, last) if name is not None
    ]:
        if name not in words:
            meant = f"did you mean --set {shortened(name)}?" if "=" in name else nearest(name, words, "stages")
            raise ConfigError(f"there is no stage '{name}'", hint=meant)
    named = set(known) if "all" in names else set(names)
    chosen = named if only else named.union(*(ancestors(name, stages) for name in named))
    if first is not None:
        chosen &= set(known[known.index(first) :])
    if last is not None:
        chosen &= set(known[: known.index(last) + 1])
    lost = [name for name in known if name in names and name not in chosen]
    if lost:
        what = f"{' and '.join(lost)} cannot be run: --from or --to leaves it out"
        raise ConfigError(what, hint="name no stage before that of --from or after that of --to")
    if not chosen:
        raise ConfigError("no stage is left to run", hint="--from must not come after --to")
    return Selection(tuple(name for name in known if name in chosen), frozenset(named & chosen if force else ()))


def settings_without_effect(config: Config, selection: Selection) -> list[str]:
    """Return a warning for what the command line gives to stages that are not selected."""

    def is_selected(name: str) -> bool:
        return name.partition(".")[0] in selection.stages

    has_preset = (BY_PRESET, config.preset) in config.given
    idle = [f"--preset {config.preset}"] if has_preset and not any(map(is_selected, config.by_preset)) else []
    idle += [f"--set {name}" for name, by in config.origins.items() if by == BY_SET and not is_selected(name)]
    return [f"{option} has no effect on the stages to run" for option in idle]


def ancestors(name: str, stages: Sequence[Stage]) -> set[str]:
    """Return the names of all stages that ``name`` depends on, directly or not."""
    stage = next(stage for stage in stages if stage.name == name)
    direct = {other.name for other in upstream(stage, stages)}
    return direct.union(*(ancestors(other, stages) for other in direct))
