"""How messages speak of files and numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.figures import counted

__all__ = ["FileName", "counted", "is_or_are", "shortened", "to_copy", "whole_to_copy"]

LONGEST_SHOWN = 40  # characters of a name or value from a file
LONGEST_COPIED = 600  # characters of a list that is to be copied; a line of an error has at most 1,000
EXAMPLES = 5  # of a longer list


@dataclass(frozen=True, slots=True)
class FileName:
    """A raw file in messages: its ``name`` in a sentence, and its ``path`` as it was given, to find it."""

    name: str
    path: str

    def __str__(self) -> str:
        return self.name


def is_or_are(n: int) -> str:
    """The verb for ``n`` things."""
    return "is" if n == 1 else "are"


def shortened(text: str, longest: int = LONGEST_SHOWN) -> str:
    """``text``, or its beginning and ``...``, since a cell of a file may have any length."""
    return text if len(text) <= longest else f"{text[:longest]}..."


def to_copy(texts: Sequence[str]) -> str:
    """Write texts as items of a list in TOML: all of them, or the first and ``...`` if the list would be too long."""
    if whole := whole_to_copy(texts):
        return whole
    few = ", ".join(json.dumps(shortened(text), ensure_ascii=False) for text in texts[:EXAMPLES])
    return f"{few}, ..." if len(texts) > EXAMPLES else few


def whole_to_copy(texts: Sequence[str]) -> str:
    """Write all texts as items of a list in TOML, an empty text if the list would be too long."""
    whole = ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)
    return whole if len(whole) <= LONGEST_COPIED else ""
