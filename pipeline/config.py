"""Settings: one strict model per stage, filled from five layers, each value with its origin.

defaults < preset < pipeline.toml < environment (PIPELINE_TRAIN_EPOCHS=5) < --set train.epochs=5
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from pipeline.choices import choices, is_text, item_type, setting_type, unknown_choice
from pipeline.errors import ConfigError, first_few, nearest, shortened
from pipeline.stage import Parameters, Stage
from pipeline.toml import SIMPLER, TomlError, parse_document, parse_value, read_text, toml_text, unfit

FILE_NAME = "pipeline.toml"
PREFIX = "PIPELINE_"
DEFAULT = "default"
NEAR_MISS = 0.85  # how like a setting's name a variable's is that is meant for it

Presets = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that some layer gives to a key, before it is checked."""

    stage: str
    key: str
    value: Any
    origin: str
    written: str | None = None  # the value as a person wrote it, in the environment or after --set

    @property
    def name(self) -> str:
        return f"{self.stage}.{self.key}"


@dataclass(frozen=True, slots=True)
class Config:
    """The resolved settings of every stage, and where each value came from.

    ``origins`` maps ``train.epochs`` to ``default``, ``preset fast``, ``pipeline.toml``, ... ``warnings`` tell of
    variables of the environment that were probably meant to be settings.
    """

    parameters: Mapping[str, Parameters]
    origins: Mapping[str, str]
    preset: str | None
    warnings: tuple[str, ...] = ()

    def values(self, stage: str) -> dict[str, Any]:
        """Return a stage's settings as plain data: lists, texts, numbers, None."""
        return plain(self.parameters[stage])

    def changed(self) -> dict[str, Any]:
        """Return the settings that neither the defaults nor the preset gave, by full name."""
        return {
            name: self.values(name.partition(".")[0])[name.partition(".")[2]]
            for name, origin in self.origins.items()
            if origin not in {DEFAULT, f"preset {self.preset}"}
        }


def load_config(
    stages: Sequence[Stage],
    presets: Presets,
    folder: Path,
    *,
    preset: str | None = None,
    sets: Sequence[str] = (),
    environment: Mapping[str, str],
) -> Config:
    """Resolve all layers for a working folder; raises ConfigError, which names key, origin and nearest key."""
    tables, file_preset = _read_file(folder / FILE_NAME, stages)
    chosen = preset or environment.get(f"{PREFIX}PRESET") or file_preset
    layers: list[Setting] = []
    if chosen is not None:
        if chosen not in presets:
            raise ConfigError(f"there is no preset '{shortened(chosen)}'", hint=nearest(chosen, presets, "presets"))
        layers += _from_tables(presets[chosen], f"preset {chosen}")
    layers += _from_tables(tables, FILE_NAME)
    layers += _from_environment(environment, stages)
    layers += [_parse_set(text, stages) for text in sets]
    return replace(_resolve(stages, layers, chosen), warnings=tuple(_near_misses(environment, stages)))


def _resolve(stages: Sequence[Stage], layers: Iterable[Setting], preset: str | None) -> Config:
    """Let later layers win, then check each stage's settings together."""
    winners: dict[str, Setting] = {}
    for setting in layers:
        stage = next(stage for stage in stages if stage.name == setting.stage)
        keys = stage.parameters.__struct_fields__
        if setting.key not in keys:
            raise ConfigError(
                f"{setting.stage} has no setting '{shortened(setting.key)}'",
                where=f"{shortened(setting.name)} in {setting.origin}",
                hint=nearest_setting(setting.key, stage),
            )
        winners[setting.name] = setting
    parameters: dict[str, Parameters] = {}
    origins: dict[str, str] = {}
    for stage in stages:
        given = {setting.key: setting for setting in winners.values() if setting.stage == stage.name}
        parameters[stage.name] = _convert(stage, given)
        for key in stage.parameters.__struct_fields__:
            origins[f"{stage.name}.{key}"] = given[key].origin if key in given else DEFAULT
    return Config(parameters, origins, preset)


def _convert(stage: Stage, given: Mapping[str, Setting]) -> Parameters:
    """Check types, bounds and names strictly: "5" is not 5, and True is not 1."""
    given = {key: replace(item, value=_as_text(item, stage)) for key, item in given.items()}
    for item in given.values():
        if problem := unfit(item.value):
            raise ConfigError(f"{item.name} {problem}", where=item.origin, hint=_advice(stage, item.key))
    try:
        parameters = msgspec.convert({key: setting.value for key, setting in given.items()}, stage.parameters)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).rpartition(" - at `$.") if " - at `$." in str(error) else (str(error), "", "")
        key = path.rstrip("`").partition("[")[0]
        setting = given.get(key)
        if setting is None:  # a rule that concerns several keys at once
            named = [item for item in given.values() if item.key in reason] or list(given.values())
            names = ", ".join(f"{item.name} in {item.origin}" for item in named)
            raise ConfigError(
                f"the settings of {stage.name} do not fit together: {shortened(reason, 300)}",
                where=names,
                hint="change one of them; `pipeline config` shows where each comes from",
            ) from error
        if unknown := re.fullmatch(r"Invalid enum value '(.*)'", reason, flags=re.DOTALL):
            known = choices(setting_type(stage.parameters, key))
            raise _no_such_choice(stage, setting, unknown[1], known) from error
        raise ConfigError(
            f"{setting.name} cannot be {shortened(toml_text(setting.value))}: {shortened(_plain_reason(reason), 300)}",
            where=setting.origin,
            hint=_in_brackets(stage, setting, reason) + _advice(stage, key),
        ) from error
    for item in given.values():
        value = getattr(parameters, item.key)
        is_default = value == getattr(stage.parameters(), item.key)  # then its table need not be read
        if not is_default and (found := unknown_choice(setting_type(stage.parameters, item.key), value)):
            raise _no_such_choice(stage, item, *found)
    return parameters


def _as_text(setting: Setting, stage: Stage) -> Any:
    """The value of a setting. If the setting can only be a text, what looks like a number is read as a text."""
    kind, value = setting_type(stage.parameters, setting.key), setting.value
    if isinstance(value, list) and is_text(item_type(kind)):
        return [str(item) if type(item) in {int, float} else item for item in value]
    if not is_text(kind) or value is None or isinstance(value, str | list | dict):
        return value
    if setting.written is not None:
        return setting.written.strip()
    return str(value) if type(value) in {int, float} else value


def _no_such_choice(stage: Stage, setting: Setting, unknown: str, names: Sequence[str]) -> ConfigError:
    """Return the error for a text that is none of the ``names`` which a setting, or a part of it, chooses from."""
    close = difflib.get_close_matches(unknown, names, n=1, cutoff=0.5)
    return ConfigError(
        f"{setting.name} cannot be {shortened(toml_text(setting.value))}: there is no choice '{shortened(unknown)}'",
        where=setting.origin,
        hint=(f"did you mean '{close[0]}'? " if close else "") + _advice(stage, setting.key),
    )


def _in_brackets(stage: Stage, setting: Setting, reason: str) -> str:
    """Return a hint that shows the value in brackets, if a list is wanted and brackets would make it one."""
    if "Expected `array`" not in reason:
        return ""
    text = "[" + toml_text(setting.value).strip('"') + "]"
    try:
        msgspec.convert(parse_value(text), setting_type(stage.parameters, setting.key))
    except (msgspec.ValidationError, TomlError):
        return ""
    return f"with brackets: {shortened(text)}; "


def _plain_reason(reason: str) -> str:
    """Say the reasons of msgspec in plain words, without the names of its types."""
    words = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
    words |= {"array": "a list", "object": "a table", "null": "none", " | ": " or "}
    plain_words = "".join(
        re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], part) if index % 2 else part
        for index, part in enumerate(reason.split("`"))  # every second part stood between backticks
    )
    return plain_words[0].lower() + plain_words[1:]


def _advice(stage: Stage, key: str) -> str:
    """Say what a setting means, what it may be if that is a short list, and what it is when nobody sets it."""
    names = choices(setting_type(stage.parameters, key))
    one_of = f" One of {', '.join(names)}." if names else ""
    default = toml_text(msgspec.to_builtins(getattr(stage.parameters(), key)))
    return f"it means: {describe(stage.parameters)[key]}{one_of} (default: {default})"


def describe(model: type[Parameters]) -> dict[str, str]:
    """Return the meaning of every key, as the model states it."""
    texts: dict[str, str] = {}
    for field in msgspec.inspect.type_info(model).fields:  # type: ignore[attr-defined]  # a Struct's info has fields
        extra = getattr(field.type, "extra_json_schema", None) or {}
        texts[field.name] = str(extra.get("description", ""))
    return texts


def takes_fractions(stages: Sequence[Stage], name: str) -> bool:
    """Whether a setting (``train.epochs``) may be a number that is not whole; raises ConfigError if there is none."""
    stage, key = find_setting(stages, name)
    fields = msgspec.inspect.type_info(stage.parameters).fields  # type: ignore[attr-defined]  # a Struct's info has fields
    kinds = [next(field.type for field in fields if field.name == key)]
    while kinds:
        kind = kinds.pop()
        if isinstance(kind, msgspec.inspect.FloatType):
            return True
        kinds += getattr(kind, "types", ())  # of a union
        kinds += [kind.type] if isinstance(kind, msgspec.inspect.Metadata) else []
    return False


def nearest_setting(key: str, stage: Stage) -> str:
    """Name the settings that are meant by an earlier name, a mistyped key or its initials (``lr``), or else a few."""
    keys = stage.parameters.__struct_fields__
    if key in stage.parameters.renamed:
        return f"it is called '{stage.parameters.renamed[key]}' now"
    meant = [name for name in keys if key == "".join(word[0] for word in name.split("_"))]
    close = meant or difflib.get_close_matches(key, keys, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(name) for name in close)}?"
    return f"settings of {stage.name}: {first_few(keys)}; pipeline config shows them all"


def find_setting(stages: Sequence[Stage], name: str) -> tuple[Stage, str]:
    """Return the stage and the key of a setting's full name; raises ConfigError if there is none."""
    stage_name, _, key = name.partition(".")
    for stage in stages:
        if stage.name == stage_name:
            keys = stage.parameters.__struct_fields__
            if key not in keys:
                raise ConfigError(f"{stage_name} has no setting '{shortened(key)}'", hint=nearest_setting(key, stage))
            return stage, key
    raise ConfigError(
        f"there is no stage '{shortened(stage_name)}'",
        where=shortened(name),
        hint=nearest(stage_name, [item.name for item in stages], "stages"),
    )


def plain(parameters: Parameters) -> dict[str, Any]:
    """Return settings as a receipt holds them, so that what was read compares equal to what was written."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(parameters))
    return values


def _read_file(path: Path, stages: Sequence[Stage]) -> tuple[dict[str, dict[str, Any]], str | None]:
    """Return the tables of pipeline.toml and the preset that it chooses, both empty where there is no file."""
    try:
        content = parse_document(read_text(path))
    except FileNotFoundError as error:
        if not path.is_symlink():
            return {}, None
        raise ConfigError(
            f"{FILE_NAME} is a link to nothing", where=str(path), hint="remove the link, or make what it leads to"
        ) from error
    except TomlError as error:
        is_value = "Invalid value" in str(error)
        hint = 'texts need quotes: optimiser = "adam"' if is_value else "lines as [train], below it epochs = 5"
        raise ConfigError(f"{FILE_NAME} cannot be read: {error}", where=str(path), hint=hint) from error
    except OSError as error:
        raise ConfigError(
            f"{FILE_NAME} cannot be read: {error.strerror}", where=str(path), hint="make it a file that may be read"
        ) from error
    preset = content.pop("preset", None)
    if preset is not None and not isinstance(preset, str):
        raise ConfigError("preset must be a text", where=FILE_NAME, hint='write preset = "fast"')
    names = [stage.name for stage in stages]
    for name, table in content.items():
        if name not in names:
            is_table, shown = isinstance(table, dict), shortened(name)
            raise ConfigError(
                f"there is no stage '{shown}'" if is_table else f"the key '{shown}' stands outside every table",
                where=f"[{shown}] in {FILE_NAME}" if is_table else f"{shown} in {FILE_NAME}",
                hint=nearest(name, [*names, "preset"], "tables")
                if is_table or difflib.get_close_matches(name, ["preset"])
                else f"put it below the table of its stage: {', '.join(f'[{stage}]' for stage in names)}",
            )
        if not isinstance(table, dict):
            raise ConfigError(f"'{name}' must be a table", where=FILE_NAME, hint=f"write [{name}] and its keys below")
    return content, preset


def _from_tables(tables: Mapping[str, Mapping[str, Any]], origin: str) -> Iterator[Setting]:
    for stage, table in tables.items():
        for key, value in table.items():
            yield Setting(stage, key, value, origin)


def _from_environment(environment: Mapping[str, str], stages: Sequence[Stage]) -> Iterator[Setting]:
    """Read PIPELINE_<STAGE>_<KEY>; other programs' PIPELINE_* variables are left alone."""
    names = _variables(stages)
    for variable in sorted(environment):
        if name := names.get(variable.upper() if variable.startswith(PREFIX) else ""):
            origin, written = f"environment {variable}", environment[variable]
            yield Setting(*name, _value(written, ".".join(name), origin), origin, written)


def _near_misses(environment: Mapping[str, str], stages: Sequence[Stage]) -> Iterator[str]:
    """Warn of variables whose names are nearly those of settings."""
    names = [f"{PREFIX}PRESET", *_variables(stages)]
    keys = [name.removeprefix(PREFIX) for name in names]
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable.upper() in names:
            continue
        if meant := difflib.get_close_matches(variable.removeprefix(PREFIX).upper(), keys, n=1, cutoff=NEAR_MISS):
            yield f"the variable {shortened(variable)} sets nothing; did you mean {PREFIX}{meant[0]}?"


def _variables(stages: Sequence[Stage]) -> dict[str, tuple[str, str]]:
    """Return the stage and the key that each variable of the environment sets."""
    pairs = [(stage.name, key) for stage in stages for key in stage.parameters.__struct_fields__]
    return {f"{PREFIX}{stage}_{key}".upper(): (stage, key) for stage, key in pairs}


def _parse_set(text: str, stages: Sequence[Stage]) -> Setting:
    """Parse ``train.epochs=5``; the value is TOML, or else a plain text."""
    name, equals, value = text.partition("=")
    stage, dot, key = name.strip().partition(".")
    if not equals or not dot:
        full = [f"{item.name}.{stage}" for item in stages if stage in item.parameters.__struct_fields__ and not dot]
        hint = f"did you mean {' or '.join(full)}?" if full else "for example --set train.epochs=5"
        raise ConfigError(f"--set takes STAGE.KEY=VALUE, not '{shortened(text)}'", hint=hint)
    names = [item.name for item in stages]
    if stage not in names:
        hint = nearest(stage, names, "stages")
        raise ConfigError(f"there is no stage '{shortened(stage)}'", where=f"--set {shortened(text)}", hint=hint)
    return Setting(stage, key, _value(value, f"{stage}.{key}", "--set"), "--set", value)


def _value(written: str, name: str, origin: str) -> Any:
    """Parse a value as TOML, or else as a plain text; raises ConfigError for one that is not read."""
    try:
        return parse_value(written)
    except TomlError as error:
        raise ConfigError(
            f"{shortened(name)} cannot be {shortened(written)}: {error}", where=origin, hint=SIMPLER
        ) from error
