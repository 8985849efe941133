"""Figures as people say them."""

from __future__ import annotations


def figure_text(name: str, value: object) -> str:
    """Write a figure as people say it: a share named accuracy or score in percent."""
    if isinstance(value, float):
        shown = percent(value) if name.endswith(("accuracy", "score")) else f"{value:.4g}"
    else:
        shown = f"{value:,}" if isinstance(value, int) else str(value)
    return f"{name} {shown}"


def percent(share: float) -> str:
    """Write a share as people say it."""
    return f"{100 * share:.2f} %"
