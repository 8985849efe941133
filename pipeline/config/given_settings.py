"""The settings that are given: by a preset, pipeline.toml, the environment, --set, an earlier run.

Each yields a ``Setting`` for each key that it names, before values are checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.config.names import HOW_TO_CHOOSE_PRESET
from pipeline.config.read_toml import SIMPLER, TomlError, line_of, parse_document, parse_value, read_text
from pipeline.config.toml_hints import toml_hint
from pipeline.errors import ConfigError, close_matches, nearest, shortened
from pipeline.files.paths import broken_link
from pipeline.stage import Stage

FILE_NAME = "pipeline.toml"
PREFIX = "PIPELINE_"
BY_SET, BY_PRESET = "--set", "--preset"  # the origins of what the command line sets, and of the preset it chooses
NEAR_MISS = 0.85  # from 0 to 1: how similar to a setting's name a variable must be to count as a mistyped one
Presets = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that some layer gives to a key, before it is checked."""

    stage: str
    key: str
    value: Any
    origin: str
    written: str | None = None  # the value as a person wrote it, in the environment or after --set
    document: str = ""  # the text of the file that it comes from, if it does

    @property
    def name(self) -> str:
        return f"{self.stage}.{self.key}"

    @property
    def place(self) -> str:
        """Where it is written, with the line if that is in a file."""
        return place_in_file(self.document, self.name) if self.document else self.origin


def place_in_file(document: str, name: str) -> str:
    """Return the place of a key or table in pipeline.toml: ``pipeline.toml, line 3``."""
    line = line_of(document, name)
    return f"{FILE_NAME}, line {line}" if line else FILE_NAME


def read_file(path: Path, stages: Sequence[Stage]) -> tuple[list[Setting], str | None, str]:
    """Read pipeline.toml.

    Returns
    -------
    settings : the values that the file gives; none if there is no file
    preset : the name of the preset that the file chooses, or None
    place : the place of that choice in the file, as messages name it; an empty text if there is no file

    Raises
    ------
    ConfigError
        The file cannot be read, is not TOML, or has a key or a table that does not belong there.
    """
    document = ""
    try:
        document = read_text(path)
        content = parse_document(document)
    except TomlError as error:
        what, hint = f"{FILE_NAME} cannot be read: {error}", toml_hint(document, str(error))
        raise ConfigError(what, where=str(path), hint=hint) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return [], None, ""
        what, hint = broken_link(path) or (f"cannot be read: {error.strerror}", "make it a file that may be read")
        raise ConfigError(f"{FILE_NAME} {what}", where=str(path), hint=hint) from error
    preset, place = content.pop("preset", None), place_in_file(document, "preset")
    if preset is not None and not isinstance(preset, str):
        raise ConfigError("preset must be a text", where=place, hint=HOW_TO_CHOOSE_PRESET)
    names = [stage.name for stage in stages]
    for name, table in content.items():
        if name not in names:
            is_table, shown = isinstance(table, dict), shortened(name)
            raise ConfigError(
                f"there is no stage '{shown}'" if is_table else f"the key '{shown}' stands outside every table",
                where=f"{f'[{shown}]' if is_table else shown} in {place_in_file(document, name)}",
                hint=nearest(name, [*names, "preset"], "tables")
                if is_table or close_matches(name, ["preset"], cutoff=0.6)
                else f"put it below the table of its stage: {', '.join(f'[{stage}]' for stage in names)}",
            )
        if not isinstance(table, dict):
            where, hint = place_in_file(document, name), f"write [{name}] and its keys below"
            raise ConfigError(f"'{name}' must be a table", where=where, hint=hint)
    return [replace(each, document=document) for each in from_tables(content, FILE_NAME)], preset, place


def from_preset(presets: Presets, name: str, place: str) -> list[Setting]:
    """Return the settings of a preset, none if ``name`` is empty; ``place`` says where it was chosen.

    Raises ConfigError if there is no such preset.
    """
    if not name:
        return []
    if name not in presets:
        hint = nearest(name, presets, "presets")
        raise ConfigError(f"there is no preset '{shortened(name)}'", where=place, hint=hint)
    return list(from_tables(presets[name], f"preset {name}"))


def from_names(values: Mapping[str, Any], origin: str) -> Iterator[Setting]:
    """Yield settings that are given by their full names."""
    for name, value in values.items():
        stage, _, key = name.partition(".")
        yield Setting(stage, key, value, origin)


def from_tables(tables: Mapping[str, Mapping[str, Any]], origin: str) -> Iterator[Setting]:
    """Yield the settings of tables, one table for each stage."""
    for stage, table in tables.items():
        for key, value in table.items():
            yield Setting(stage, key, value, origin)


def from_environment(environment: Mapping[str, str], stages: Sequence[Stage]) -> Iterator[Setting]:
    """Read PIPELINE_<STAGE>_<KEY>; other programs' PIPELINE_* variables are left alone."""
    names = _variables(stages)
    for variable in sorted(environment):
        if name := names.get(variable.upper() if variable.startswith(PREFIX) else ""):
            origin, written = f"environment {variable}", environment[variable]
            yield Setting(*name, _value(written, ".".join(name), origin), origin, written)


def near_misses(environment: Mapping[str, str], stages: Sequence[Stage]) -> Iterator[str]:
    """Warn of variables whose names are nearly those of settings."""
    names = [f"{PREFIX}PRESET", *_variables(stages)]
    keys = [name.removeprefix(PREFIX) for name in names]
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable.upper() in names:
            continue
        if meant := close_matches(variable.removeprefix(PREFIX).upper(), keys, cutoff=NEAR_MISS):
            yield f"the variable {shortened(variable)} sets nothing; did you mean {PREFIX}{meant[0]}?"


def _variables(stages: Sequence[Stage]) -> dict[str, tuple[str, str]]:
    """Return the stage and the key that each variable of the environment sets."""
    pairs = [(stage.name, key) for stage in stages for key in stage.parameters.__struct_fields__]
    return {f"{PREFIX}{stage}_{key}".upper(): (stage, key) for stage, key in pairs}


def parse_set(text: str, stages: Sequence[Stage]) -> Setting:
    """Parse ``train.epochs=5``; the value is TOML, or else a plain text."""
    name, equals, value = text.partition("=")
    stage, dot, key = name.strip().partition(".")
    if not equals or not dot:
        full = [f"{item.name}.{stage}" for item in stages if stage in item.parameters.__struct_fields__ and not dot]
        hint = f"did you mean {' or '.join(full)}?" if full else "for example --set train.epochs=5"
        hint = f"did you mean --preset {shortened(value)}?" if stage == "preset" and equals else hint
        raise ConfigError(f"--set takes STAGE.KEY=VALUE, not '{shortened(text)}'", hint=hint)
    return Setting(stage, key, _value(value, f"{stage}.{key}", BY_SET), BY_SET, value)


def _value(written: str, name: str, origin: str) -> Any:
    """Parse a value as TOML, or else as a plain text; raises ConfigError for one beyond the bounds of ``read_toml``."""
    try:
        return parse_value(written)
    except TomlError as error:
        raise ConfigError(
            f"{shortened(name)} cannot be {shortened(written)}: {error}", where=origin, hint=SIMPLER
        ) from error
