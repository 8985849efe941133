"""The bundled sample is what its page says: real digits in Kaggle's layout, the answers apart."""

from __future__ import annotations

import gzip
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

from stages.sample import SAMPLE_FOLDER

PIXELS = [f"pixel{index}" for index in range(64)]


def table(name: str) -> tuple[list[str], list[tuple[int, ...]]]:
    header, *lines = gzip.decompress((SAMPLE_FOLDER / name).read_bytes()).decode("ascii").splitlines()
    return header.split(","), [tuple(map(int, line.split(","))) for line in lines]


def test_the_sample_is_in_kaggles_layout() -> None:
    header, train = table("train.csv.gz")
    assert header == ["label", *PIXELS]
    header, test = table("test.csv.gz")
    assert header == PIXELS
    assert (len(train), len(test), len(train) + len(test)) == (1438, 359, 1797)
    values = {value for row in test for value in row}.union(*(row[1:] for row in train))
    assert (min(values), max(values), len(values)) == (0, 255, 17)


def test_the_answers_belong_to_the_test_rows_and_every_digit_is_in_both_parts() -> None:
    header, answers = table("answers.csv.gz")
    assert header == ["ImageId", "Label"]
    assert [number for number, _ in answers] == list(range(1, 360))
    in_test = Counter(label for _, label in answers)
    in_train = Counter(row[0] for row in table("train.csv.gz")[1])
    assert set(in_test) == set(in_train) == set(range(10))
    assert all(abs(in_test[digit] - 0.2 * (in_test[digit] + in_train[digit])) < 1 for digit in range(10))


def test_no_test_image_is_a_training_image() -> None:
    assert not {row[1:] for row in table("train.csv.gz")[1]} & set(table("test.csv.gz")[1])


def test_the_page_states_rows_origin_and_licence() -> None:
    page = (SAMPLE_FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.search(r"train\.csv\.gz.*1,438 rows", page)
    assert re.search(r"test\.csv\.gz.*359 rows", page)
    assert "CC BY 4.0" in page
    assert "10.24432/C50P49" in page


def test_the_recipe_makes_the_very_same_rows(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn, whose copy of the digits the sample is made from, is missing")
    recipe = runpy.run_path(str(SAMPLE_FOLDER.parents[1] / "docs/scripts/make_sample.py"))
    recipe["main"].__globals__["FOLDER"] = tmp_path
    recipe["main"]()
    for name in ("train.csv.gz", "test.csv.gz", "answers.csv.gz"):
        assert gzip.decompress((tmp_path / name).read_bytes()) == gzip.decompress((SAMPLE_FOLDER / name).read_bytes())
