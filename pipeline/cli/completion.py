"""What the shell offers for a half-typed word: stages, artifacts, presets and settings.

Only the lists in ``stages`` are read, so that a broken pipeline.toml, or none, changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

if TYPE_CHECKING:
    import click

    from pipeline.stage import Stage


@add_completion_class
class InBash(BashComplete):
    """Bash splits words at ``=`` too: ``train.activation=re`` is three words, and a completion replaces the last one.

    A completion that ends in ``=`` gets no space, since a value follows.
    """

    _typed = ""  # the part of our word that bash has split off: all before its last word
    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)", "COMPREPLY+=($value)\n            [[ $value == *= ]] && compopt -o nospace"
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        at, words = int(os.environ["COMP_CWORD"]), split_arg_string(os.environ["COMP_WORDS"])
        joined = [""]
        for before, word in zip(["", *words], words[: at + 1], strict=False):
            if joined[-1] and (word == "=" or before == "="):
                self._typed, joined[-1] = joined[-1] + word * (word == "="), joined[-1] + word
            else:
                self._typed = ""
                joined.append(word)
        is_begun = at < len(words)
        return joined[2:-1] if is_begun else joined[2:], joined[-1] if is_begun else ""

    def format_completion(self, item: CompletionItem[str]) -> str:
        _, _, behind_option = self._typed.partition("=") if self._typed.startswith("-") else ("", "", self._typed)
        item.value = item.value.removeprefix(behind_option)
        return super().format_completion(item)


def _beginning_with(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def complete_stages(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    """Offer the stages, and ``all`` where stages are selected."""
    from stages import STAGES

    names = [stage.name for stage in STAGES]
    return _beginning_with(incomplete, names if param.opts[0].startswith("-") else ["all", *names])


def complete_artifacts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    """Offer the artifacts, and the stages: a stage means all of its artifacts."""
    from stages import STAGES

    paths = [artifact.path for stage in STAGES for artifact in stage.outputs]
    words = [*(stage.name for stage in STAGES), *paths]
    in_folder = [f"artifacts/{word}" for word in words] if incomplete else []  # the same, named by their files
    return _beginning_with(incomplete, [*words, *in_folder])


def complete_presets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    """Offer the presets."""
    from stages.presets import PRESETS

    return _beginning_with(incomplete, PRESETS)


def complete_settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    """Offer ``STAGE.KEY=``, and after it the values of a setting that is a choice; a sweep takes several."""
    from stages import STAGES

    name, equals, value = incomplete.partition("=")
    if not equals:
        settings = (f"{stage.name}.{key}=" for stage in STAGES for key in stage.parameters.__struct_fields__)
        return _beginning_with(incomplete, settings)
    before, comma, value = value.rpartition(",") if param.name != "sets" else ("", "", value)
    return [f"{name}={before}{comma}{choice}" for choice in _beginning_with(value, _choices(STAGES, name))]


def complete_objectives(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    """Offer the metrics that a sweep judges by."""
    from stages import OBJECTIVE

    return _beginning_with(incomplete, [metric.name for metric in OBJECTIVE.metrics])


def _choices(stages: Iterable[Stage], name: str) -> list[str]:
    """Return the possible values of a setting that is a choice or a boolean; none for any other setting."""
    from pipeline.config.choices import alternatives, choices, setting_type

    stage_name, _, key = name.partition(".")
    for stage in stages:
        if stage.name == stage_name and key in stage.parameters.__struct_fields__:
            kind = setting_type(stage.parameters, key)
            return ["true", "false"] if bool in alternatives(kind) else list(choices(kind))
    return []
