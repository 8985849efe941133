"""A limit of memory that is too low is told before a library ends the process without a word."""

from __future__ import annotations

import resource

import pytest
from toy_project import Recorder, Toy

GIB = 2**30


def notices(toy: Toy, limit: int, patch: pytest.MonkeyPatch) -> list[str]:
    """What a run tells where ``ulimit -v`` is so many bytes."""
    patch.setattr(resource, "getrlimit", lambda which: {resource.RLIMIT_AS: (limit, limit)}[which])
    recorder = Recorder()
    toy.run("all", watcher=recorder)
    return recorder.notices


@pytest.mark.parametrize("limit", [200 * 2**20, 2 * GIB])
def test_a_low_limit_is_told_before_anything_runs_and_only_then(
    toy: Toy, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = notices(toy, limit, monkeypatch)
    assert f"{limit / GIB:.1f} GiB (ulimit -v)" in first
    assert notices(toy, limit, monkeypatch) == []  # nothing was to be done


@pytest.mark.parametrize("limit", [resource.RLIM_INFINITY, 3 * GIB])
def test_a_limit_that_is_enough_is_not_told(toy: Toy, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert notices(toy, limit, monkeypatch) == []
