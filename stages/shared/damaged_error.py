"""The error for an artifact that is not what it should be."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import DataError


def damaged(path: Path, what: str, stage: str) -> DataError:
    """The error for the file at ``path``, which ``stage`` wrote; ``what`` says what is wrong with it."""
    return DataError(f"{stage}/{path.name}: {what}", where=str(path), hint=f"pipeline run {stage} --force")
