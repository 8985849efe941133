"""The settings of encode."""

from __future__ import annotations

from pipeline.stage import Parameters


class EncodeParameters(Parameters, frozen=True):
    """One-hot encoding has no choices."""
