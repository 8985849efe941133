"""Plain values written as TOML, and settings as a person would type them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

LARGEST = 2**63  # the first whole number that neither TOML nor JSON need to hold


def toml_text(value: Any) -> str:
    """Write a plain value as TOML does; None, which TOML lacks, as ``none``."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(toml_text(each) for each in value) + "]"
    if (isinstance(value, int) and not -LARGEST <= value < LARGEST) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        return str(value)  # JSON has no such numbers, TOML has
    return msgspec.json.encode(value).decode()


def setting_text(value: Any) -> str:
    """Write a setting as a person would type it after ``--set``: as TOML, a text without its quotes."""
    return value if isinstance(value, str) else toml_text(value)


def setting_texts(settings: Mapping[str, Any]) -> list[str]:
    """Write each setting as a person would type it after ``--set``: ``train.epochs=5``."""
    return [f"{name}={setting_text(value)}" for name, value in settings.items()]
