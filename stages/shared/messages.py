"""How messages speak of files and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.figures import counted

__all__ = ["FileName", "counted", "is_or_are", "shortened"]

LONGEST_SHOWN = 40  # characters of a name or value from a file


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
