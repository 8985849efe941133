"""Settings that are lists: how they may be written, and what is said of those that are written otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from toy_project import make_stages

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.stage import Parameters

STAGES = make_stages("toy_never_imported")


class TextsParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    names: Annotated[tuple[str, ...], msgspec.Meta(description="Names")] = ()


class ListParameters(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    widths: Annotated[tuple[int, ...], msgspec.Meta(description="Widths")] = ()


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("8", "with brackets: [8]; "),
        ("8,16", "with brackets: [8,16]; "),
        *((value, "") for value in ("[a]", "a", "8 16", ",", "8.5", "true")),
    ],
)
def test_a_list_without_brackets_is_shown_with_them(tmp_path: Path, value: str, hint: str) -> None:
    stage = replace(STAGES[0], parameters=ListParameters)
    with pytest.raises(ConfigError, match="expected a list") as caught:
        load_config([stage], {}, tmp_path, preset=None, sets=(f"load.widths={value}",), environment={})
    assert caught.value.hint.startswith(f"{hint}it means: ")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a", ("a",)),
        ("[a]", ("a",)),
        ("a,b c", ("a", "b c")),
        ("[a, 7]", ("a", "7")),
        ('"a,b"', ("a,b",)),
        ('["a,b"]', ("a,b",)),
        ("[]", ()),
        ("7", ("7",)),
        ("1.10", ("1.10",)),
        ("007,7", ("007", "7")),
        ("[0, 'a']", ("0", "a")),
        ("[2026-11-27, 07:32:00, 2026-11-27T07:32:00]", ("2026-11-27", "07:32:00", "2026-11-27T07:32:00")),
        ("true", ("true",)),
        ("2026-11-27", ("2026-11-27",)),
        ("", ("",)),
        ('[""]', ("",)),
    ],
)
def test_a_list_of_texts_may_be_written_without_brackets_and_quotes(
    tmp_path: Path, value: str, names: tuple[str, ...]
) -> None:
    """A shell takes the quotes away."""
    stage = replace(STAGES[0], parameters=TextsParameters)
    config = load_config([stage], {}, tmp_path, preset=None, sets=(f"load.names={value}",), environment={})
    assert config.values("load")["names"] == list(names)


@pytest.mark.parametrize(("written", "names"), [('"a, b"', ["a, b"]), ("7", ["7"]), ('["a"]', ["a"])])
def test_a_single_text_in_the_file_is_a_list_of_one(tmp_path: Path, written: str, names: list[str]) -> None:
    (tmp_path / "pipeline.toml").write_text(f"[load]\nnames = {written}")
    config = load_config([replace(STAGES[0], parameters=TextsParameters)], {}, tmp_path, sets=(), environment={})
    assert config.values("load")["names"] == names


def test_a_setting_that_is_a_list_of_texts_takes_no_other_values(tmp_path: Path) -> None:
    stage = replace(STAGES[0], parameters=TextsParameters)
    for value in ("none", "{a = 1}", "[[1]]"):
        with pytest.raises(ConfigError, match="names cannot be"):
            load_config([stage], {}, tmp_path, sets=(f"load.names={value}",), environment={})
