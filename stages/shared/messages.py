"""How messages speak of files and numbers."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_SHOWN = 40  # characters of a name or value from a file


@dataclass(frozen=True, slots=True)
class FileName:
    """A raw file in messages: its ``name`` in a sentence, and its ``path`` as it was given, to find it."""

    name: str
    path: str

    def __str__(self) -> str:
        return self.name


def counted(n: int, noun: str, plural: str = "") -> str:
    """``1 row``, ``2 rows``, ``1,000 rows``."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def is_or_are(n: int) -> str:
    """The verb for ``n`` things."""
    return "is" if n == 1 else "are"


def shortened(text: str, longest: int = LONGEST_SHOWN) -> str:
    """``text``, or its beginning and ``...``, since a cell of a file may have any length."""
    return text if len(text) <= longest else f"{text[:longest]}..."
