"""What a sweep tries: how its words are read, and what is drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from toy_project import Toy

from pipeline.config import takes_fractions
from pipeline.errors import ConfigError
from pipeline.sweep.search_space import Choice, Range, combine, parse_choice, parse_random
from stages import STAGES


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("train.learning_rate=1e-3,3e-3", (1e-3, 3e-3)),
        ("train.epochs=5", (5,)),
        ("train.optimiser=adam, adamw", ("adam", "adamw")),
        ('ingest.label="a,b",c', ("a,b", "c")),
        ("train.hidden=[256,64],[512],[]", ([256, 64], [512], [])),
        ("train.batch_size=none,[1,2],64", (None, [1, 2], 64)),
        ("train.batch_norm=true,false", (True, False)),
        ("ingest.train=../a.csv,b=c.csv", ("../a.csv", "b=c.csv")),
    ],
)
def test_the_values_of_a_grid_are_toml_but_for_quotes(text: str, values: tuple[Any, ...]) -> None:
    assert parse_choice(text) == Choice(text.partition("=")[0], values)
    assert [type(value) for value in parse_choice(text).values] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("train.epochs", "is not STAGE.KEY=VALUES"),
        ("epochs=5", "is not STAGE.KEY=VALUES"),
        ("train.epochs=", "a value is missing"),
        ("train.epochs=5,,6", "a value is missing"),
        ("train.epochs=log:5", "is no range"),
        ("train.dropout=0.5..0.5", "LOW < HIGH must hold"),
        ("train.dropout=0.5..0.1", "LOW < HIGH must hold"),
        ("train.dropout=log:0..0.1", "0 < LOW < HIGH must hold"),
        ("train.dropout=log:0.1..inf", "is no range"),
        ("train.epochs=1.5..3", "so the ends of its range must be"),
        ("ingest.train=a.csv,\udce9.csv", "is not written in UTF-8"),
        ("train.hidden=[16],[nan]", "must be a finite number"),
        ('train.variants={x = "\\u0000"}', "holds a NUL character"),
    ],
)
def test_a_range_that_is_not_valid_is_refused_with_the_reason(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        parse_random(text, takes_fractions=lambda name: name == "train.dropout")


def test_a_range_gives_whole_numbers_for_a_whole_number_setting_and_fractions_for_others() -> None:
    for name, kind in (("train.epochs", int), ("train.rotation", float)):
        for text in (f"{name}=1..4", f"{name}=log:1..4", f"{name}=1.0..4e0"):
            parsed = parse_random(text, takes_fractions=lambda name: name == "train.rotation")
            drawn = [parsed.draw(np.random.default_rng(number)) for number in range(200)]
            assert {type(value) for value in drawn} == {kind}
            assert min(drawn) >= 1
            assert max(drawn) <= 4
            assert len(set(drawn)) == 4 if kind is int else len(set(drawn)) > 100


@pytest.mark.parametrize(
    ("item", "middle"),
    [
        (Range("a.b", 1e-4, 1e-2, is_logarithmic=True, is_whole=False), 1e-3),
        (Range("a.b", 0.0, 1.0, is_logarithmic=False, is_whole=False), 0.5),
        (Range("a.b", 1, 1023, is_logarithmic=True, is_whole=True), 31),
        (Range("a.b", 1, 1000, is_logarithmic=False, is_whole=True), 500),
    ],
)
def test_draws_are_even_on_the_scale_that_was_asked_for(item: Range, middle: float) -> None:
    rng = np.random.default_rng(1)
    below = np.mean([item.draw(rng) <= middle for _ in range(2000)])
    assert 0.46 < below < 0.54


def test_drawn_numbers_are_short_and_stay_within_their_range() -> None:
    item = Range("a.b", 0.12344, 0.12346, is_logarithmic=False, is_whole=False)
    drawn = {item.draw(np.random.default_rng(number)) for number in range(50)}
    assert drawn <= {0.12344, 0.1234, 0.1235, 0.12346}
    assert all(0.12344 <= value <= 0.12346 for value in drawn)


def test_a_grid_gives_every_combination_once() -> None:
    grid = [Choice("a.x", (1, 2, 3)), Choice("a.y", ("p", "q"))]
    expected = [{"a.x": x, "a.y": y} for x in (1, 2, 3) for y in "pq"]
    assert combine(grid, [], 0, seed=0) == expected


def test_every_point_of_a_grid_gets_the_same_draws() -> None:
    grid = [Choice("a.x", (1, 2))]
    ranges = [Range("a.z", 0.0, 1.0, is_logarithmic=False, is_whole=False), Choice("a.y", tuple(range(100)))]
    found = combine(grid, ranges, 5, seed=0)
    assert [point["a.x"] for point in found] == [1] * 5 + [2] * 5
    first, second = ([(point["a.z"], point["a.y"]) for point in found[part]] for part in (slice(5), slice(5, 10)))
    assert first == second
    assert all(one != other for one, other in pairwise(first))


def test_more_draws_begin_with_the_earlier_ones_and_another_seed_gives_others() -> None:
    ranges = [Range("a.z", 0.0, 1.0, is_logarithmic=False, is_whole=False)]
    assert combine([], ranges, 30, seed=4)[:20] == combine([], ranges, 20, seed=4)
    assert combine([], ranges, 20, seed=5) != combine([], ranges, 20, seed=4)


def test_a_setting_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a\.x is named twice"):
        combine([Choice("a.x", (1,)), Choice("a.x", (2,))], [], 0, seed=0)
    with pytest.raises(ConfigError, match=r"a\.x is named twice"):
        combine([Choice("a.x", (1,))], [Choice("a.x", (2,))], 3, seed=0)


def test_whether_a_setting_takes_fractions_is_read_from_its_type(toy: Toy) -> None:
    assert not takes_fractions(toy.stages, "load.limit")
    assert not takes_fractions(STAGES, "train.hidden")
    assert takes_fractions(STAGES, "train.learning_rate")
    assert takes_fractions(STAGES, "train.clip_norm")
    assert not takes_fractions(STAGES, "train.batch_size")
