"""The metrics where they are hard: certain mistakes, absent classes, shares of few rows. The page names them all."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluate.documents import ClassMetrics, EnsembleMetrics, MemberMetrics, Metrics
from stages.evaluate.metrics import measure, wilson_interval
from stages.ingest.documents import DataSource


def test_a_certain_mistake_and_an_absent_class_leave_every_figure_finite() -> None:
    P = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], dtype=np.float32)
    source = DataSource(source="made", is_sample=False, holds_test_images=False)
    metrics = measure(P, np.array([1, 1]), (0, 1, 2), source)
    assert metrics.accuracy == 0.0
    assert metrics.log_loss == pytest.approx(-np.log(1e-15))
    assert [each.f1 for each in metrics.per_class] == [0.0, 0.0, 0.0]


@given(n=st.integers(1, 100_000), data=st.data())
def test_the_interval_holds_the_share_and_solves_wilsons_equation(n: int, data: st.DataObject) -> None:
    n_correct = data.draw(st.integers(0, n))
    share = n_correct / n
    low, high = wilson_interval(n_correct, n)
    assert 0.0 <= low <= share <= high <= 1.0
    for bound in (low, high):  # |share - bound| is 1.96 standard deviations of a share whose mean is the bound
        assert (share - bound) ** 2 == pytest.approx(
            1.959963984540054**2 * bound * (1 - bound) / n, rel=1e-5, abs=1e-12
        )


def test_the_page_names_every_key_of_metrics_json() -> None:
    page = (Path(__file__).parents[3] / "docs/stages.md").read_text(encoding="utf-8")
    table = page.partition("| key of `metrics.json` |")[2].partition("\n\n")[0]
    rows = [
        (re.findall(r"`(\w+)`", keys), text)
        for keys, text in re.findall(r"^\| (`.*?) \| (.*) \|$", table, re.MULTILINE)
    ]
    assert sorted(key for keys, _ in rows for key in keys) == sorted(Metrics.__struct_fields__)
    below = {"members": MemberMetrics, "ensemble": EnsembleMetrics, "per_class": ClassMetrics}
    for keys, text in rows:
        if keys[0] in below:
            assert tuple(re.findall(r"`(\w+)`", text)) == below[keys[0]].__struct_fields__
