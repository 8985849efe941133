"""Text from outside, made fit to be shown on a terminal."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """Return one line in which every character can be seen: control characters are written as escapes.

    Names of files, columns, labels and settings come from outside. Control characters among them could move the
    cursor, change colours, or begin a line that looks like one of ours; marks of direction could reverse a name.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":  # a space of some width
        return character
    return character.encode("unicode_escape").decode("ascii")
