"""Named sets of settings: the tutorial as it was, and points on the way from fast to best."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, dict[str, Any]]] = {}
