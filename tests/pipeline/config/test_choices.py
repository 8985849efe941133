"""What a setting may be is read from its type, and names in a table elsewhere from that table's source."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from toy_project import make_stages

from pipeline.config import Config, load_config
from pipeline.config.choices import allowed, choices, setting_type, table_names
from pipeline.errors import ConfigError
from pipeline.stage import ChoicesOf, Parameters

TABLES = """
raise ImportError("nobody imports this")
SHAPES = {"round": 1, "square": 2, "oblong": 3}
SIZES: dict[str, object] = {"small": print, "large": None}
MADE = dict(small=1)
NUMBERED = {"one": 1, 2: "two"}
OPEN = {"one": 1, **SHAPES}
KINDS = ("plain", "fancy")
PAIR = ("plain", 1)
"""
Shape = Annotated[str, ChoicesOf("toy_tables.shapes:SHAPES")]


class Part(Parameters, frozen=True):
    shape: Shape | None = None
    size: Literal["small", "large"] | None = None


class ShapeParameters(Parameters, frozen=True):
    shape: Annotated[Shape, msgspec.Meta(description="The shape")] = "round"
    shapes: Annotated[tuple[Shape, ...], msgspec.Meta(description="Some shapes")] = ()
    parts: Annotated[tuple[Part, ...], msgspec.Meta(description="Some parts")] = ()
    size: Annotated[Literal["small", "large"] | None, msgspec.Meta(description="The size")] = None
    left: Annotated[str, ChoicesOf("toy_tables.nowhere:NOTHING"), msgspec.Meta(description="Left alone")] = "as it is"


@pytest.fixture(autouse=True)
def _tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_tables").mkdir()
    (tmp_path / "toy_tables/__init__.py").write_text("raise ImportError")
    (tmp_path / "toy_tables/shapes.py").write_text(TABLES)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("toy_tables", None)


def load(folder: Path, *sets: str) -> Config:
    stage = replace(make_stages("toy_never_imported")[0], parameters=ShapeParameters)
    return load_config([stage], {}, folder, sets=sets, environment={})


@pytest.mark.parametrize(
    ("table", "names"),
    [("SHAPES", ("round", "square", "oblong")), ("SIZES", ("small", "large")), ("KINDS", ("plain", "fancy"))],
)
def test_the_names_of_a_table_are_read_without_importing_it(table: str, names: tuple[str, ...]) -> None:
    assert table_names(f"toy_tables.shapes:{table}") == names
    assert not {name for name in sys.modules if name.startswith("toy_tables")}


@pytest.mark.parametrize("table", ["MADE", "NUMBERED", "OPEN", "PAIR", "NONE"])
def test_a_table_whose_names_are_not_written_out_is_refused(table: str) -> None:
    with pytest.raises(TypeError, match=f"toy_tables.shapes:{table} is no table"):
        table_names(f"toy_tables.shapes:{table}")


@pytest.mark.parametrize(
    "text", ["shape=square", "shapes=['oblong','round']", "parts=[{shape='square'},{}]", "size=none", "left=as it is"]
)
def test_a_name_that_its_table_holds_is_taken(tmp_path: Path, text: str) -> None:
    load(tmp_path, f"load.{text}")


@pytest.mark.parametrize(
    ("text", "unknown", "hints"),
    [
        ("shape=sqare", "sqare", ["did you mean 'square'?", "One of round, square, oblong.", '(default: "round")']),
        ("shape=x", "x", ["it means: The shape One of round, square, oblong."]),
        ("shapes=['round','sqare']", "sqare", ["did you mean 'square'?", "One of round, square, oblong."]),
        ("parts=[{shape='round'},{shape='sqare'}]", "sqare", ["did you mean 'square'?"]),
        ("size=smal", "smal", ["did you mean 'small'?", "One of small, large."]),
    ],
)
def test_another_name_is_refused_and_the_nearest_offered(
    tmp_path: Path, text: str, unknown: str, hints: list[str]
) -> None:
    with pytest.raises(ConfigError, match=f"there is no choice '{unknown}'") as caught:
        load(tmp_path, f"load.{text}")
    assert caught.value.where == "--set"
    assert [hint for hint in hints if hint not in caught.value.hint] == []


def test_settings_left_at_their_defaults_read_no_table(tmp_path: Path) -> None:
    (tmp_path / "toy_tables/shapes.py").unlink()
    assert load(tmp_path).values("load")["shape"] == "round"
    assert load(tmp_path, "load.shape=round").values("load")["shape"] == "round"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ShapeParameters, "a table"),
        (bool, "`true` or `false`"),
        (Annotated[int, msgspec.Meta(ge=0, lt=5)], "a whole number of at least 0 and less than 5"),
        (Annotated[int, msgspec.Meta(le=2**63 - 1)], "a whole number of at most 9223372036854775807"),
        (Annotated[float, msgspec.Meta(gt=0.0)] | None, "a number of more than 0 or `none`"),
        (tuple[Annotated[int, msgspec.Meta(le=7)], ...], "a list, each a whole number of at most 7"),
        (Literal["a", "b"] | None, '`"a"`, `"b"` or `none`'),
        (Shape, '`"round"`, `"square"`, `"oblong"`'),
    ],
)
def test_what_a_setting_may_be_is_said_in_words(kind: object, words: str) -> None:
    assert allowed(kind) == words


def test_a_setting_without_choices_has_none() -> None:
    assert choices(setting_type(ShapeParameters, "parts")) == ()
    assert choices(int | None) == ()
