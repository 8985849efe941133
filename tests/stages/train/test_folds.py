"""Folds that are fair, seeds that stay, and members that are trained once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import main
from stages.train.folds import IN_NO_FOLD, divide_into_folds, seed_of_member


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), folds=st.integers(2, 9), seed=st.integers(0, 2**63 - 1)
)
def test_folds_are_of_equal_size_in_every_class_and_in_the_whole(counts: list[int], folds: int, seed: int) -> None:
    indices = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    fold_of_row = divide_into_folds(indices, folds, seed)
    assert fold_of_row.dtype == np.int16
    for rows in (np.ones(len(indices), bool), *(indices == index for index in range(len(counts)))):
        sizes = np.bincount(fold_of_row[rows], minlength=folds)
        assert len(sizes) == folds
        assert np.ptp(sizes) <= 1
    np.testing.assert_array_equal(divide_into_folds(indices, folds, seed), fold_of_row)


def test_another_seed_divides_otherwise_and_a_single_fold_is_none() -> None:
    indices = np.arange(100) % 10
    assert (divide_into_folds(indices, 5, 0) != divide_into_folds(indices, 5, 1)).any()
    assert set(divide_into_folds(indices, 1, 0)) == {IN_NO_FOLD}


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_the_first_member_has_the_seed_itself_and_all_others_have_their_own(seed: int) -> None:
    seeds = {(fold, number): seed_of_member(seed, fold, number) for fold in range(20) for number in range(20)}
    assert seeds[0, 0] == seed
    assert len(set(seeds.values())) == 400
    assert all(0 <= value < 2**63 for value in seeds.values())


def test_seeds_are_pinned_since_finished_members_are_found_by_them() -> None:
    assert seed_of_member(0, 0, 1) == 7690728526120502442
    assert seed_of_member(0, 3, 0) == 5105546488643517178


@pytest.mark.parametrize("settings", [("members=1000000000",), ("members=10000", "folds=1000"), ("members=10001",)])
def test_more_networks_than_anybody_trains_are_refused_before_anything_runs(
    tmp_path: Path, settings: tuple[str, ...]
) -> None:
    sets = [word for each in settings for word in ("--set", f"train.{each}")]
    result = CliRunner().invoke(main, ["run", "all", "-C", str(tmp_path), *sets])
    assert result.exit_code == 2
    assert "10000" in result.stderr.replace(",", "")
    assert list(tmp_path.iterdir()) == []
