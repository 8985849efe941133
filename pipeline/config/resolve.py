"""Settings: one strict model per stage, filled from five layers, each value with its origin.

defaults < preset < pipeline.toml < environment (PIPELINE_TRAIN_EPOCHS=5) < --set train.epochs=5

With --like RUN, the settings of an earlier run replace all layers but the last.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from pipeline.config.choices import alternatives, choices, is_text, item_type, setting_type, unknown_choice
from pipeline.config.given_settings import (
    BY_PRESET,
    BY_SET,
    FILE_NAME,
    PREFIX,
    Presets,
    Setting,
    from_environment,
    from_names,
    from_preset,
    from_tables,
    near_misses,
    parse_set,
    read_file,
)
from pipeline.config.names import describe, find_setting
from pipeline.config.read_toml import NO_UNICODE, TomlError, parse_value, setting_problem
from pipeline.config.toml_hints import LEAVE_OUT, with_decimal_point
from pipeline.errors import ConfigError, close_matches, first_few, plain_reason, shortened
from pipeline.stage import Parameters, Stage
from pipeline.write_toml import setting_texts, toml_text

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Config:
    """The resolved settings of every stage, and where each value came from.

    ``origins`` maps ``train.epochs`` to ``default``, ``preset fast``, ``pipeline.toml``, ... ``warnings`` tell of
    variables of the environment that were probably meant to be settings. ``given`` holds the options on the command
    line that gave settings: ``("--preset", "fast")``, ``("--set", "train.epochs=5")``, ... ``by_preset`` are the names
    of the settings that ``--preset`` gives, or takes from the preset that it replaces.
    """

    parameters: Mapping[str, Parameters]
    origins: Mapping[str, str]
    preset: str
    warnings: tuple[str, ...] = ()
    given: tuple[tuple[str, str], ...] = ()
    by_preset: frozenset[str] = frozenset()

    def values(self, stage: str) -> dict[str, Any]:
        """Return a stage's settings as plain data: lists, texts, numbers, None."""
        return plain(self.parameters[stage])

    def settings(self) -> dict[str, Any]:
        """Return all settings by full name, as plain data."""
        return {f"{stage}.{key}": value for stage in self.parameters for key, value in self.values(stage).items()}

    def changed(self) -> dict[str, Any]:
        """Return the settings that neither the defaults nor the preset gave, by full name."""
        others = {DEFAULT, f"preset {self.preset}"}
        return {name: value for name, value in self.settings().items() if self.origins[name] not in others}

    def to_bytes(self) -> bytes:
        """Return all settings as bytes, which are equal if the settings are."""
        return msgspec.json.encode(self.parameters)

    def require_fitting(self, stages: Collection[str]) -> None:
        """Raise ConfigError if settings of ``stages``, which a run brings up to date, do not fit together."""
        chosen = {name: self.parameters[name] for name in stages}
        for each in chosen.values():
            try:
                each.check_beside(chosen)
            except ValueError as error:
                given = (name for name, origin in self.origins.items() if origin != DEFAULT and name in str(error))
                places = [f"{name} in {self.origins[name]}" for name in given]
                raise _misfit("the settings", str(error), places) from error

    def effective(self, stages: Collection[str], built_upon: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the preset and the changed settings of a run of these ``stages``.

        What the command line gives to none of them is left out. ``built_upon`` are the settings, by full name, of the
        results that the run finds and reads: what these were made with counts, not what the layers say now. The preset
        is named if fewer settings differ from it than from the defaults.
        """
        changed = self.changed()
        beside_defaults: dict[str, Any] = {}
        beside_preset: dict[str, Any] = {}
        for stage, parameters in self.parameters.items():
            defaults = plain(type(parameters)())
            for key, now in plain(parameters).items():
                name = f"{stage}.{key}"
                is_optional = self.origins[name] == BY_SET or name in self.by_preset
                if stage not in stages and name not in built_upon and is_optional:
                    continue
                value = built_upon.get(name, now)
                if value != defaults[key] or (name in changed and name not in built_upon):
                    beside_defaults[name] = value
                if value != now or name in changed:  # a changed setting hides what the preset gave
                    beside_preset[name] = value
        is_shorter = len(beside_preset) < len(beside_defaults)
        return (self.preset, beside_preset) if self.preset and is_shorter else ("", beside_defaults)

    def text(self, origin: str) -> str:
        """Return the preset, and the settings that come from ``origin``: ``preset fast, train.seed=1``."""
        given = {name: value for name, value in self.changed().items() if self.origins[name] == origin}
        return settings_text(self.preset, given)


@dataclass(frozen=True, slots=True)
class EarlierSettings:
    """The settings of an earlier run; ``origin`` is its name: ``run 3``.

    ``changed`` holds the settings that neither the defaults nor the ``preset`` gave. ``parameters`` holds all settings
    of the stages that it finished and of the results that it built upon, except those in ``not_in_key``. Both are by
    full name.
    """

    origin: str
    preset: str
    changed: Mapping[str, Any]
    parameters: Mapping[str, Any]


def load_config(
    stages: Sequence[Stage],
    presets: Presets,
    folder: Path,
    *,
    preset: str | None = None,
    sets: Sequence[str] = (),
    environment: Mapping[str, str],
    like: EarlierSettings | None = None,
) -> Config:
    """Resolve all layers for a working folder; raises ConfigError, which names key, origin and nearest key.

    ``like`` replaces the preset, the file and the environment: its run can be repeated, whatever these are now.
    """
    given = tuple((BY_SET, text) for text in sets)
    if like is not None:
        if preset is not None:
            what = f"--preset and --like exclude each other: {like.origin} brings its own preset"
            raise ConfigError(what, hint="leave one of them out")
        config = _resolve_like(stages, presets, like, [parse_set(text, stages) for text in sets])
        return replace(config, given=(("--like", like.origin.removeprefix("run ")), *given))
    of_file, file_preset, place = read_file(folder / FILE_NAME, stages)
    variable = f"{PREFIX}PRESET"
    by_environment = (environment.get(variable), f"environment {variable}")
    named = [(name, by) for name, by in ((preset, BY_PRESET), by_environment, (file_preset, place)) if name]
    chosen, place = named[0] if named else ("", "")
    layers = [*of_file, *from_environment(environment, stages), *(parse_set(text, stages) for text in sets)]
    config = _resolve(stages, [*from_preset(presets, chosen, place), *layers], chosen)
    warnings = tuple(near_misses(environment, stages))
    if not preset:
        return replace(config, warnings=warnings, given=given)
    tables = (presets.get(name, {}) for name, _ in named[:2])  # of the preset, and of the one that it replaces
    by_preset = {each.name for table in tables for each in from_tables(table, "")} - {each.name for each in layers}
    given = ((BY_PRESET, preset), *given)
    return replace(config, warnings=warnings, given=given, by_preset=frozenset(by_preset))


def _resolve_like(stages: Sequence[Stage], presets: Presets, like: EarlierSettings, sets: Sequence[Setting]) -> Config:
    """Resolve the settings of an earlier run, with ``sets`` on top.

    Defaults and the preset may have changed since that run. So the run's own parameters win over them.
    """
    layers = [*from_preset(presets, like.preset, like.origin), *from_names(like.changed, like.origin)]
    config = _resolve(stages, layers, like.preset)
    now = config.settings()
    other = {name: value for name, value in like.parameters.items() if name in now and value != now[name]}
    gone = setting_texts({name: like.parameters[name] for name in sorted(like.parameters.keys() - now.keys())})
    layers += [*from_names(other, like.origin), *sets]
    warnings = (f"{like.origin} had settings that there are no more: {first_few(gone)}",) if gone else ()
    return replace(_resolve(stages, layers, like.preset), warnings=warnings)


def _resolve(stages: Sequence[Stage], layers: Iterable[Setting], preset: str) -> Config:
    """Let later layers win, then check the settings of each stage."""
    winners: dict[str, Setting] = {}
    for setting in layers:
        try:
            find_setting(stages, setting.name)
        except ConfigError as error:
            where = f"{shortened(setting.name)} in {setting.place}"
            raise ConfigError(error.what, where=where, hint=error.hint) from error
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
        if problem := setting_problem(item.value):
            rename = "rename a file or folder whose name is not; " if problem == NO_UNICODE else ""
            raise ConfigError(f"{item.name} {problem}", where=item.place, hint=rename + _advice(stage, item.key))
    try:
        parameters = msgspec.convert({key: setting.value for key, setting in given.items()}, stage.parameters)
    except msgspec.ValidationError as error:
        raise _refusal(stage, given, str(error)) from error
    for item in given.values():
        value = getattr(parameters, item.key)
        is_default = value == getattr(stage.parameters(), item.key)  # then its table need not be read
        if not is_default and (found := unknown_choice(setting_type(stage.parameters, item.key), value)):
            raise _no_such_choice(stage, item, *found)
    return parameters


def _refusal(stage: Stage, given: Mapping[str, Setting], message: str) -> ConfigError:
    """Return the error for settings that msgspec refuses; its ``message`` ends with the key, if one key is wrong."""
    reason, _, path = message.rpartition(" - at `$.") if " - at `$." in message else (message, "", "")
    setting = given.get(path.rstrip("`").partition("[")[0])
    if setting is None:  # a rule that concerns several keys at once
        named = [item for item in given.values() if item.key in reason] or list(given.values())
        places = [f"{item.name} in {item.place}" for item in named]
        return _misfit(f"the settings of {stage.name}", reason, places)
    if unknown := re.fullmatch(r"Invalid enum value '(.*)'", reason, flags=re.DOTALL):
        return _no_such_choice(stage, setting, unknown[1], choices(setting_type(stage.parameters, setting.key)))
    return ConfigError(
        f"{setting.name} cannot be {shortened(toml_text(setting.value))}: {shortened(plain_reason(reason), 300)}",
        where=setting.place,
        hint=_written_right(stage, setting) + _advice(stage, setting.key),
    )


def _misfit(settings: str, reason: str, places: Iterable[str]) -> ConfigError:
    """Return the error for settings that do not fit together; ``places`` name those that a person gave."""
    return ConfigError(
        f"{settings} do not fit together: {shortened(reason, 300)}",
        where=", ".join(places),
        hint="change one of them",
    )


def _as_text(setting: Setting, stage: Stage) -> Any:
    """Return the value of a setting. If it can only be a text, a number is read as a text.

    A list of one text needs no brackets. On the command line, where the shell removes quotes, a list of several texts
    needs no quotes.
    """
    kind, value = setting_type(stage.parameters, setting.key), setting.value
    item = item_type(kind)
    if str in alternatives(item) and isinstance(value, str | int | float) and (value != "" or is_text(item)):
        value = _items(setting, item)
    if isinstance(value, list) and is_text(item):
        return [str(each) if type(each) in {int, float} else each for each in value]
    if not is_text(kind) or value is None or isinstance(value, str | list | dict):
        return value
    if setting.written is not None:
        return setting.written.strip()
    return str(value) if type(value) in {int, float} else value


def _items(setting: Setting, item: Any) -> list[Any]:
    """Return the items, of type ``item``, of a list without brackets or quotes: ``source``, ``[source, usage]``."""
    written = (setting.written or "").strip()
    if setting.written is None or (isinstance(setting.value, str) and setting.value != written):  # it has quotes
        return [setting.value]
    words = [word.strip() for word in written.removeprefix("[").removesuffix("]").split(",")]
    return words if is_text(item) else [parse_value(word) for word in words]


def _no_such_choice(stage: Stage, setting: Setting, unknown: str, names: Sequence[str]) -> ConfigError:
    """Return the error for a text that is not among the ``names`` that a setting, or a part of it, chooses from."""
    close, unset = close_matches(unknown, names), f"{LEAVE_OUT}; " if unknown.lower() == "none" else ""
    return ConfigError(
        f"{setting.name} cannot be {shortened(toml_text(setting.value))}: there is no choice '{shortened(unknown)}'",
        where=setting.place,
        hint=(f"did you mean '{close[0]}'? " if close else unset) + _advice(stage, setting.key),
    )


def _written_right(stage: Stage, setting: Setting) -> str:
    """Return a hint that shows the value written correctly; an empty text if no correct form is known."""
    if not isinstance(setting.value, str | int | float):
        return ""
    written = toml_text(setting.value).strip('"')
    for how, text in (
        ("with a decimal point", with_decimal_point(written)),
        ("with brackets", f"[{written}]"),
        ("in small letters and without quotes", written.lower()),
    ):
        try:
            msgspec.convert(parse_value(text), setting_type(stage.parameters, setting.key))
        except (msgspec.ValidationError, TomlError):
            continue
        if text == "none":
            return f"{LEAVE_OUT}; "
        if text != written:
            return f"{how}: {shortened(text)}; "
    return ""


def _advice(stage: Stage, key: str) -> str:
    """Say what a setting means, its choices if it has any, and its default."""
    names = choices(setting_type(stage.parameters, key))
    one_of = f" One of {', '.join(names)}." if names else ""
    default = toml_text(msgspec.to_builtins(getattr(stage.parameters(), key)))
    return f"it means: {describe(stage.parameters)[key]}{one_of} (default: {default})"


def settings_text(preset: str, changed: Mapping[str, Any]) -> str:
    """Write a preset and other settings as a person would name them: ``preset fast, train.seed=1``."""
    return ", ".join([*([f"preset {preset}"] if preset else []), *setting_texts(changed)]) or "defaults"


def plain(parameters: Parameters) -> dict[str, Any]:
    """Return settings as a receipt holds them, so that what was read compares equal to what was written."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(parameters))
    return values
