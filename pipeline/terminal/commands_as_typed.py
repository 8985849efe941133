"""The commands that messages name, with the options of this call: as they stand, they can be typed where it was typed.

``pipeline run train`` becomes ``pipeline -C DIR run train --set train.epochs=5``. Without its options the command would
concern another folder, or make other results. Click's context holds the options until the command ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import join
from typing import Any

import click

from pipeline.errors import shortened

LONGEST = 10_000  # letters of a text with commands in it: one that is cut cannot be typed
GivenSettings = Sequence[tuple[str, str]]  # ("--preset", "fast"), ("--set", "train.epochs=5"), ...


def remember(name: str, value: object) -> None:
    """Keep an option of this call: ``folder``, ``settings`` once they are found right, and ``stages``, their names."""
    click.get_current_context().meta[f"{__name__}.{name}"] = value


def remembered(name: str) -> Any:
    """Return what was kept; None if nothing was."""
    context = click.get_current_context(silent=True)
    return context.meta.get(f"{__name__}.{name}") if context else None


def as_typed(text: str, *, with_settings: bool = True) -> str:
    """Put the options of this call into the commands that a text names: settings into those that take them."""
    given: GivenSettings = (remembered("settings") or ()) if with_settings else ()
    if not given and not remembered("folder"):
        return text
    stages = "|".join(("all", *(remembered("stages") or ())))
    # A path in quotation marks is matched first, because it may have the words of a command in it.
    command = rf"""(?<!\S)'[^']*'("'"'[^']*')*|\bpipeline [a-z]+(?: (?:{stages})\b)*"""
    return shortened(re.sub(command, lambda found: _with_options(found, given), text), LONGEST)


def _with_options(found: re.Match[str], given: GivenSettings) -> str:
    """Put the options into a command that was found in a text, if it is one; what the command has itself stays."""
    main = click.get_current_context().find_root()
    if not found[0].startswith("pipeline ") or not isinstance(main.command, click.Group):
        return found[0]
    _, *words = found[0].split()
    command = main.command.get_command(main, words[0])
    if command is None:
        return found[0]
    rest = found.string[found.end() :].partition("pipeline ")[0]  # until the next command
    takes_settings = any(param.name == "sets" for param in command.params) and " --like " not in rest
    folder = ["-C", str(remembered("folder"))] if remembered("folder") else []
    kept = [each for each in given if takes_settings and f" --set {each[1].partition('=')[0].strip()}=" not in rest]
    return join(["pipeline", *folder, *words, *(word for each in kept for word in each)])
