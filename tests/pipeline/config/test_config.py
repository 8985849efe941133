"""Five layers of settings, strictly typed, and errors that name the key, its origin and the nearest one."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from toy_project import PRESETS, make_stages

from pipeline.config import Config, describe, load_config
from pipeline.config.read_toml import parse_value
from pipeline.errors import ConfigError
from pipeline.exit_codes import ExitCode
from pipeline.write_toml import setting_text, toml_text

STAGES = make_stages("toy_never_imported")


def load(
    folder: Path,
    toml: str = "",
    *,
    sets: tuple[str, ...] = (),
    preset: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    if toml:
        (folder / "pipeline.toml").write_text(toml)
    return load_config(STAGES, PRESETS, folder, preset=preset, sets=sets, environment=environment or {})


def test_each_layer_wins_over_the_one_below_and_is_named_as_the_origin(tmp_path: Path) -> None:
    layers = [
        (load(tmp_path), 2, "default"),
        (load(tmp_path, preset="cubes"), 3, "preset cubes"),
        (load(tmp_path, "[power]\nexponent = 4", preset="cubes"), 4, "pipeline.toml"),
        (
            load(tmp_path, preset="cubes", environment={"PIPELINE_POWER_EXPONENT": "5"}),
            5,
            "environment PIPELINE_POWER_EXPONENT",
        ),
        (
            load(tmp_path, preset="cubes", environment={"PIPELINE_POWER_EXPONENT": "5"}, sets=("power.exponent=1",)),
            1,
            "--set",
        ),
    ]
    for config, value, origin in layers:
        assert config.values("power") == {"exponent": value}
        assert config.origins["power.exponent"] == origin
        assert config.origins["total.start"] == "default"


def test_of_two_sets_the_last_wins(tmp_path: Path) -> None:
    assert load(tmp_path, sets=("total.start=1", "total.start=2")).values("total")["start"] == 2


def test_a_preset_is_chosen_by_option_before_environment_before_file(tmp_path: Path) -> None:
    presets = {name: {"power": {"exponent": number}} for number, name in enumerate(("file", "environment", "option"))}
    (tmp_path / "pipeline.toml").write_text('preset = "file"')

    def chosen(preset: str | None, environment: Mapping[str, str]) -> str | None:
        return load_config(STAGES, presets, tmp_path, preset=preset, environment=environment).preset

    assert chosen(None, {}) == "file"
    assert chosen(None, {"PIPELINE_PRESET": "environment"}) == "environment"
    assert chosen("option", {"PIPELINE_PRESET": "environment"}) == "option"


def test_settings_that_are_not_at_their_default_are_listed(tmp_path: Path) -> None:
    config = load(tmp_path, "[total]\nstart = 7", sets=("load.limit=3",))
    assert config.changed() == {"load.limit": 3, "total.start": 7}


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("load.limit=3", "limit", 3),
        ("load.limit=none", "limit", None),
        ("load.limit = 3 ", "limit", 3),
        ("load.path=numbers.txt", "path", "numbers.txt"),
        ('load.path="3"', "path", "3"),
        ("load.path=3", "path", "3"),
        ("load.path=1_0.50", "path", "1_0.50"),
        ("load.path=nan", "path", "nan"),
        ("load.path=true", "path", "true"),
        ("load.path=1979-05-27", "path", "1979-05-27"),
        ("load.path=a=b", "path", "a=b"),
        ("load.path=a # b", "path", "a # b"),
        ("load.path=1\nlimit = 2", "path", "1\nlimit = 2"),
        ("load.path=", "path", ""),
    ],
)
def test_set_takes_toml_or_a_bare_text(tmp_path: Path, text: str, key: str, value: object) -> None:
    assert load(tmp_path, sets=(text,)).values("load")[key] == value


@pytest.mark.parametrize(
    "text",
    [
        'power.exponent="3"',
        "power.exponent=3.0",
        "power.exponent=true",
        "power.exponent=6",
        "power.exponent=-1",
        "power.exponent=none",
        "power.exponent=[3]",
        "power.exponent=1979-05-27",
        "total.fails=1",
        "total.fails=yes",
        "load.path=[3]",
    ],
)
def test_types_and_bounds_are_strict(tmp_path: Path, text: str) -> None:
    name = text.partition("=")[0]
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, sets=(text,))
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.what.startswith(f"{name} cannot be ")
    assert caught.value.where == "--set"
    assert caught.value.hint.startswith("it means: ")
    assert "(default: " in caught.value.hint


def test_a_number_is_a_text_in_every_layer_where_a_text_is_wanted(tmp_path: Path) -> None:
    assert load(tmp_path, environment={"PIPELINE_LOAD_PATH": "0"}).values("load")["path"] == "0"
    assert load(tmp_path, "[load]\npath = 0").values("load")["path"] == "0"


def test_a_date_is_a_text_without_its_quotes(tmp_path: Path) -> None:
    assert load(tmp_path, "[load]\npath = 2026-11-27").values("load")["path"] == "2026-11-27"
    assert parse_value("{a = [2026-11-27]}") == {"a": ["2026-11-27"]}


def test_settings_that_do_not_fit_together_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="do not fit together: it cannot both fail and wait") as caught:
        load(tmp_path, "[total]\nfails = true", sets=("total.waits=true",))
    assert caught.value.where == "total.fails in pipeline.toml, line 2, total.waits in --set"


@pytest.mark.parametrize(
    ("toml", "sets", "environment", "what", "where", "hint"),
    [
        (
            "[power]\nexponnet = 1",
            (),
            {},
            "power has no setting 'exponnet'",
            "power.exponnet in pipeline.toml, line 2",
            "'exponent'",
        ),
        ("[powr]\n", (), {}, "there is no stage 'powr'", "[powr] in pipeline.toml, line 1", "'power'"),
        ("[zzz]\n", (), {}, "there is no stage 'zzz'", "[zzz]", "load, power, parity, total"),
        ("power = 3", (), {}, "'power' must be a table", "pipeline.toml, line 1", "[power]"),
        ("preset = 3", (), {}, "preset must be a text", "pipeline.toml, line 1", "preset ="),
        ('\npreset = "cube"', (), {}, "there is no preset 'cube'", "pipeline.toml, line 2", "'cubes'"),
        ("", (), {"PIPELINE_PRESET": "cube"}, "there is no preset 'cube'", "environment PIPELINE_PRESET", "'cubes'"),
        (
            "# x = 1\n\nexponent = 3",
            (),
            {},
            "stands outside every table",
            "exponent in pipeline.toml, line 3",
            "[power]",
        ),
        ("[power]\nexponent = 99", (), {}, "power.exponent cannot be 99", "pipeline.toml, line 2", "it means"),
        ("power.exponent = 99", (), {}, "power.exponent cannot be 99", "pipeline.toml, line 1", "it means"),
        ("[ 'power' ]\r\n 'exponent' = 99", (), {}, "power.exponent cannot be 99", "pipeline.toml, line 2", "it means"),
        ("power = {exponent = 99}", (), {}, "power.exponent cannot be 99", "pipeline.toml", "it means"),
        ("[total]\nstart = 1\n[power]\nstart = 1", (), {}, "power has no setting 'start'", "pipeline.toml, line 4", ""),
        (
            "load.path = [\n[1],\n[\"# a=1\"],\n]\nload.limit = 'x'",
            (),
            {},
            "load.path cannot be",
            "pipeline.toml, line 1",
            "",
        ),
        ("[load]\n[load]", (), {}, "(at line 2, column 6)", "pipeline.toml", ""),
        ("[power\n", (), {}, "not valid TOML", "pipeline.toml", "[train], below it epochs = 5"),
        ("", ("powr.exponent=1",), {}, "there is no stage 'powr'", "powr.exponent in --set", "'power'"),
        ("", ("power.exponnet=1",), {}, "power has no setting 'exponnet'", "power.exponnet in --set", "'exponent'"),
        ("", ("exponnet=1",), {}, "STAGE.KEY=VALUE", "", "--set train.epochs=5"),
        ("", ("start=1",), {}, "STAGE.KEY=VALUE", "", "did you mean total.start?"),
        ("", ("total.s=1",), {}, "total has no setting 's'", "", "did you mean 'start'?"),
        ("", ("total.zzz=1",), {}, "total has no setting 'zzz'", "", "pipeline config shows them all"),
        ("[power]\npower.exponent = 3", (), {}, "power has no setting 'power'", "line 2", "KEY = VALUE below [power]"),
        ("", ("power.power.exponent=3",), {}, "no setting 'power.exponent'", "--set", "--set power.KEY=VALUE"),
        ("[parity]\nx = 1", (), {}, "parity has no setting 'x'", "line 2", "leave it out: parity has no settings"),
        ("[power]\nexponent = 3.5", (), {}, "a whole number, got a number with a decimal point", "line 2", "it means"),
        ("[load]\npath = adam\n", (), {}, "not valid TOML", "pipeline.toml", "texts need quotes"),
        ("", ("power.exponent",), {}, "STAGE.KEY=VALUE", "", "--set train.epochs=5"),
        ("", (), {"PIPELINE_POWER_EXPONENT": "many"}, 'cannot be "many"', "PIPELINE_POWER_EXPONENT", "default: 2"),
    ],
)
def test_every_mistake_is_told_with_its_place_and_what_was_probably_meant(
    tmp_path: Path, toml: str, sets: tuple[str, ...], environment: dict[str, str], what: str, where: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, toml, sets=sets, environment=environment)
    assert what in caught.value.what
    assert where in caught.value.where
    assert hint in caught.value.hint


def test_a_setting_by_an_earlier_name_is_told_the_present_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (power,) = (stage for stage in STAGES if stage.name == "power")
    monkeypatch.setattr(power.parameters, "renamed", {"grade": "exponent"})
    with pytest.raises(ConfigError, match="power has no setting 'grade'") as caught:
        load(tmp_path, "[power]\ngrade = 3")
    assert caught.value.hint == "it is called 'exponent' now"


def test_pipeline_toml_that_cannot_be_read_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "pipeline.toml").rmdir()
    (tmp_path / "pipeline.toml").write_bytes(b'preset = "\xff"')
    with pytest.raises(ConfigError, match="cannot be read: it is encoded"):
        load(tmp_path)
    (tmp_path / "pipeline.toml").unlink()
    (tmp_path / "pipeline.toml").symlink_to("nowhere.toml")
    with pytest.raises(ConfigError, match="a link to nothing"):
        load(tmp_path)


def test_pipeline_toml_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_bytes(b"\xef\xbb\xbf[power]\nexponent = 4\n")
    assert load(tmp_path).changed() == {"power.exponent": 4}


def test_other_programs_variables_are_left_alone(tmp_path: Path) -> None:
    environment = {"PIPELINE_HOME": "/", "PIPELINE_": "1", "PIPELINE_RUN_ID": "9", "HOME": "/", "POWER_EXPONENT": "1"}
    environment |= {"PIPELINE_LOADING_DATA": "/", "PIPELINE_POWER_PLANT": "2"}
    config = load(tmp_path, environment=environment)
    assert (config.changed(), config.warnings) == ({}, ())


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("PIPELINE_POWR_EXPONENT", "PIPELINE_POWER_EXPONENT"),
        ("PIPELINE_POWER_EXPONNET", "PIPELINE_POWER_EXPONENT"),
        ("PIPELINE_PRESETS", "PIPELINE_PRESET"),
    ],
)
def test_a_variable_that_is_nearly_a_setting_warns_and_sets_nothing(tmp_path: Path, variable: str, meant: str) -> None:
    config = load(tmp_path, environment={variable: "7"})
    assert config.changed() == {}
    assert config.warnings == (f"the variable {variable} sets nothing; did you mean {meant}?",)


TOO_MUCH = {
    "digits": ("9" * 5000, "thousands of digits"),
    "hexadecimal digits": ("0x" + "f" * 5000, "thousands of digits"),
    "binary digits in a list": ("[0b" + "1" * 50_000 + "]", "thousands of digits"),
    "bits": (str(2**63), "more than 63 bits"),
    "brackets": ("[" * 5000 + "]" * 5000, "10 deep"),
    "some brackets": ("[" * 30 + "]" * 30, "10 deep"),
    "parts of a key": ("{" + "a." * 100_000 + "a = 1}", "a key of more than 10 parts"),
    "quoted parts": ("{" + '"=".' * 100_000 + "a = 1}", "a key of more than 10 parts"),
    "letters": ('"' + "a" * 2_000_000 + '"', "more than 1,048,576"),
}


@pytest.mark.parametrize("way", ["file", "--set", "environment"])
@pytest.mark.parametrize("kind", TOO_MUCH)
def test_a_value_beyond_the_bounds_is_refused_with_a_short_message(tmp_path: Path, kind: str, way: str) -> None:
    value, words = TOO_MUCH[kind]
    with pytest.raises(ConfigError, match=words) as caught:
        load(
            tmp_path,
            f"[power]\nexponent = {value}\n" if way == "file" else "",
            sets=(f"power.exponent={value}",) if way == "--set" else (),
            environment={"PIPELINE_POWER_EXPONENT": value} if way == "environment" else {},
        )
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["power." + "a." * 100_000 + "a", "a" * 100_000 + ".exponent", "a." * 100_000])
def test_a_very_long_name_is_shortened_in_the_message(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, sets=(f"{name}=1",))
    assert len(str(caught.value)) < 1000
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"{name.rstrip('.')} = 1")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("value", "words", "hint"),
    [("caf\udce9", "not written in UTF-8", "rename a file or folder"), ("a\0b", "a NUL character", "it means: ")],
)
def test_a_text_that_no_file_can_hold_is_refused(tmp_path: Path, value: str, words: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load(tmp_path, environment={"PIPELINE_LOAD_PATH": value})
    assert caught.value.hint.startswith(hint)


def test_settings_that_are_no_small_file_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.toml"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="it is no file"):
        load(tmp_path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="it is no file"):
        load(tmp_path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(10**12)  # a hole: it takes no space
    with pytest.raises(ConfigError, match="more than 1,048,576 bytes"):
        load(tmp_path)


def test_every_setting_says_what_it_means() -> None:
    assert all(describe(stage.parameters)[key] for stage in STAGES for key in stage.parameters.__struct_fields__)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (1.5, "1.5"),
        ("a", '"a"'),
        ([1, 2], "[1,2]"),
        ([{"a": [1], "b": "x"}, {}], '[{a = [1], b = "x"},{}]'),
    ],
)
def test_values_are_shown_as_toml(value: object, text: str) -> None:
    assert toml_text(value) == text
    assert value is None or tomllib.loads(f"value = {text}") == {"value": value}


@pytest.mark.parametrize(
    ("value", "text"), [("adam", "adam"), (None, "none"), (True, "true"), ([256, 64], "[256,64]"), (0.5, "0.5")]
)
def test_a_setting_is_written_as_a_person_would_type_it(value: object, text: str) -> None:
    assert setting_text(value) == text
    assert parse_value(setting_text(value)) == value
