"""The settings of encode."""

from pipeline.stage import Parameters


class EncodeParameters(Parameters, frozen=True):
    """One-hot encoding has no choices."""
