"""Figures: how a value is read with its unit, and how it is written down."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from pipeline.figures import SHARE, AnyFigure, Figure, as_figure, percent, read_figure, values_of


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (42_000, "42,000"),
        (0.123456, "0.1235"),
        ("8 x 8", "8 x 8"),
        (None, "None"),
        (Figure(0.9912, SHARE), "99.12 %"),
        (Figure(42_000, "rows"), "42,000 rows"),
        (Figure(1.25, "s"), "1.25 s"),
        (Figure(1, SHARE), "1"),
    ],
)
def test_a_figure_is_read_with_its_unit(figure: AnyFigure, text: str) -> None:
    assert as_figure(figure).text == text


def test_accuracies_that_earlier_versions_logged_plainly_are_headlines() -> None:
    """``runs`` shows headlines. Runs before figures had units shall not lose theirs."""
    assert as_figure(0.9912, "train: validation_accuracy") == Figure(0.9912, SHARE, is_headline=True)
    assert as_figure(0.9912, "evaluate: mean_score") == Figure(0.9912, SHARE)
    assert as_figure(0.9912, "train: loss") == Figure(0.9912)


def test_a_small_share_is_never_shown_as_zero() -> None:
    assert [percent(share) for share in (0.0, 1 / 42_000, 0.0001, 1 / 30, 1.0)] == [
        "0.00 %",
        "under 0.01 %",
        "0.01 %",
        "3.33 %",
        "100.00 %",
    ]


@pytest.mark.parametrize("figure", [7, 0.5, "text", None, Figure(0.5, SHARE, is_headline=True), Figure(3, "rows")])
def test_what_was_written_is_what_is_read_and_plain_values_stay_plain(figure: AnyFigure) -> None:
    data = asdict(figure) if isinstance(figure, Figure) else figure
    assert read_figure(data) == figure
    assert values_of({"x": figure}) == {"x": as_figure(figure).value}


def test_data_that_is_no_figure_is_refused() -> None:
    with pytest.raises(TypeError):
        read_figure({"value": 1, "colour": "red"})
