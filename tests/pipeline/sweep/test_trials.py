"""The rules of a sweep, which are pure: how halving divides, and when two trials cannot be told apart."""

from __future__ import annotations

import pytest

from pipeline.config import Config
from pipeline.sweep import trials
from pipeline.sweep.results import TrialResult, is_within_noise
from pipeline.sweep.trials import Rung, Sweep, Trial, halving_rungs


def test_halving_divides_as_often_as_trials_and_effort_allow() -> None:
    assert halving_rungs(27, 27) == (Rung(27, 27), Rung(9, 9), Rung(3, 3), Rung(1, 1))
    assert halving_rungs(30, 20) == (Rung(30, 9), Rung(10, 3), Rung(3, 1))
    assert halving_rungs(2, 100) == (Rung(2, 1),)
    assert halving_rungs(100, 1) == (Rung(100, 1),)


def test_trials_whose_intervals_overlap_are_not_told_apart() -> None:
    def result(low: float, high: float, rung: int = 0) -> TrialResult:
        trial = Trial(1, {}, None)
        return TrialResult(trial, rung, 1, is_final=True, values={"accuracy": 0.9}, interval=(low, high))

    best = result(0.90, 0.94)
    assert is_within_noise(result(0.80, 0.90), best)
    assert not is_within_noise(result(0.80, 0.89), best)
    assert not is_within_noise(result(0.90, 0.94, rung=1), best)
    assert not is_within_noise(TrialResult(best.trial, 0, 1, is_final=True, values={}), best)


def test_the_name_of_a_sweep_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every trial asks for it, and it takes a time that grows with their number."""
    hashed: list[object] = []
    monkeypatch.setattr(trials, "digest", lambda value: [hashed.append(value), "0123456789"][1])
    config = Config({}, {}, "")
    sweep = Sweep((Trial(1, {}, config),), (), "train.epochs", (Rung(1, 1),), lambda _: config)
    assert [sweep.id, sweep.id] == ["01234567"] * 2
    assert len(hashed) == 1
