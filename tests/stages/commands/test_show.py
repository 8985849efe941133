"""`pipeline show`: the right row, drawn as the terminal can, and what the network says of it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from calling import call
from pseudo_terminal import on_a_terminal

show = partial(call, "show")


def data(folder: Path, *words: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(show(folder, *words, "--json").stdout)
    return document


def test_rows_are_those_of_predictions_parquet(sample_run: Path) -> None:
    table = pq.read_table(sample_run / "artifacts/evaluate/predictions.parquet").to_pydict()
    images = pq.read_table(sample_run / "artifacts/ingest/train.parquet")
    for index in (0, 70, 143):
        row = table["row"][index]
        found = data(sample_run, row)
        assert (found["row"], found["part"]) == (row, "validation")
        assert (found["label"], found["predicted"]) == (table["label"][index], table["predicted"][index])
        assert found["confidence"] == pytest.approx(table["confidence"][index], abs=1e-6)
        pixels = images.slice(row, 1).drop_columns(["label"]).to_pylist()[0].values()
        assert np.ravel(found["pixels"]).tolist() == list(pixels)


def test_a_stale_model_is_reported(sample_run: Path) -> None:
    assert "warning: the model is not up to date" in show(sample_run, 3, "--set", "train.epochs=21").stderr
    assert show(sample_run, 3).stderr == ""


def test_every_row_lies_in_one_part(sample_run: Path) -> None:
    held_out = set(pq.read_table(sample_run / "artifacts/evaluate/predictions.parquet")["row"].to_pylist())
    row = next(row for row in range(1438) if row not in held_out)
    assert data(sample_run, row)["part"] == "training"


def test_a_test_row_has_no_label(sample_run: Path) -> None:
    found = data(sample_run, 358, "--test")
    assert (found["part"], found["label"]) == ("test", None)
    text = show(sample_run, 358, "--test").stdout
    assert "row 358, test set" in text
    assert f"the network says {found['predicted']}: " in text


def test_copies_are_warped_and_the_same_every_time(sample_run: Path) -> None:
    once, again = data(sample_run, 3, "--augmented"), data(sample_run, 3, "--augmented")
    assert once == again
    copies = once["augmented"]
    assert len(copies) == 5
    assert all(copy != once["pixels"] for copy in copies)
    assert len({str(copy) for copy in copies}) == 5
    assert data(sample_run, 3)["augmented"] == []


def test_without_augmentation_it_says_so(sample_run: Path) -> None:
    still = [f"--set=train.{name}=0.0" for name in ("rotation", "scale", "shear", "shift", "elastic")]
    assert "nothing warps" in show(sample_run, 3, "--augmented", *still).stderr


@pytest.mark.parametrize("columns", [30, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(sample_run: Path, columns: int) -> None:
    drawn = show(sample_run, 3, "--augmented", COLUMNS=str(columns)).stdout.splitlines()[:-2]
    assert 20 < max(map(len, drawn)) <= columns
    assert len(drawn) in {12, 24}


@pytest.mark.parametrize("row", [1438, -1])
def test_a_row_that_is_not_there_is_a_usage_error(sample_run: Path, row: int) -> None:
    stderr = show(sample_run, row, code=2).stderr
    assert f"there is no row {row:,}: train.parquet has 1,438 rows" in stderr
    assert "rows count from 0: name one from 0 to 1437" in stderr


def test_without_a_network_the_image_is_drawn_all_the_same(sample_copy: Path) -> None:
    (sample_copy / "artifacts/train").unlink()
    text = show(sample_copy, 3).stdout
    assert "label 9" in text
    assert f"no network yet: pipeline -C {sample_copy} run train" in text
    assert data(sample_copy, 3)["predicted"] is None


def shown_on_a_terminal(folder: Path, **environment: str) -> str:
    """What ``show`` writes for an image when its standard output is a terminal."""
    code = "from pipeline.cli import main; main()"
    return on_a_terminal(code, "show", "3", "-C", str(folder), COLUMNS="80", **environment)


def test_half_blocks_are_drawn_on_a_terminal_and_characters_where_colours_are_not_wanted(sample_run: Path) -> None:
    assert "\N{UPPER HALF BLOCK}" in shown_on_a_terminal(sample_run)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        text = shown_on_a_terminal(sample_run, **environment)
        assert "\N{UPPER HALF BLOCK}" not in text
        assert "\x1b" not in text
        assert "@@" in text
