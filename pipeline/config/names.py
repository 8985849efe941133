"""The names of settings, what they mean, and the nearest one to a mistyped name."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipeline.config.choices import parts, setting_type
from pipeline.errors import ConfigError, close_matches, first_few, nearest, shortened
from pipeline.stage import Parameters, Stage

HOW_TO_CHOOSE_PRESET = 'write preset = "fast" above all tables, or use --preset fast'


def describe(model: type[Parameters]) -> dict[str, str]:
    """Return the meaning of every key, as the model states it."""
    texts: dict[str, str] = {}
    for field in msgspec.inspect.type_info(model).fields:  # type: ignore[attr-defined]  # a Struct's info has fields
        extra = getattr(field.type, "extra_json_schema", None) or {}
        texts[field.name] = str(extra.get("description", ""))
    return texts


def takes_fractions(stages: Sequence[Stage], name: str) -> bool:
    """Whether a setting (``train.epochs``) may be a fraction; raises ConfigError if there is no such setting."""
    stage, key = find_setting(stages, name)
    return float in parts(setting_type(stage.parameters, key))


def nearest_setting(key: str, stage: Stage) -> str:
    """Return the hint for an unknown key: it may be an earlier name, mistyped, or initials (``lr``)."""
    keys = stage.parameters.__struct_fields__
    if key in stage.parameters.renamed:
        return f"it is called '{stage.parameters.renamed[key]}' now"
    if key == "preset":
        return HOW_TO_CHOOSE_PRESET
    if not keys:
        return f"leave it out: {stage.name} has no settings"
    if key.partition(".")[0] == stage.name:
        return f"name the stage only once: KEY = VALUE below [{stage.name}], or --set {stage.name}.KEY=VALUE"
    meant = [name for name in keys if key == "".join(word[0] for word in name.split("_"))]
    close = meant or close_matches(key, keys, most=3)
    if close:
        return f"did you mean {' or '.join(repr(name) for name in close)}?"
    return f"settings of {stage.name}: {first_few(keys)}; pipeline config shows them all"


def find_setting(stages: Sequence[Stage], name: str) -> tuple[Stage, str]:
    """Return the stage and the key of a setting's full name; raises ConfigError if there is no such setting."""
    stage_name, _, key = name.partition(".")
    for stage in stages:
        if stage.name == stage_name:
            keys = stage.parameters.__struct_fields__
            if key not in keys:
                what, hint = f"{stage_name} has no setting '{shortened(key)}'", nearest_setting(key, stage)
                raise ConfigError(what, where=shortened(name), hint=hint)
            return stage, key
    raise ConfigError(
        f"there is no stage '{shortened(stage_name)}'",
        where=shortened(name),
        hint=nearest(stage_name, [item.name for item in stages], "stages"),
    )
