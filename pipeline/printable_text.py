"""Text from outside, made fit to be shown on a terminal, and to be written as UTF-8."""

from __future__ import annotations

import re
import unicodedata

SURROGATES = re.compile("[\ud800-\udfff]")  # Python has one in place of each byte of a name that is not UTF-8


def readable(text: str) -> str:
    r"""Return a text with ``\xe9`` for a byte that is not UTF-8, so that it can be printed and written."""
    return SURROGATES.sub(lambda found: _escaped(found[0]), text)


def readable_json(document: str) -> str:
    """Return a JSON document with its surrogates escaped: other programs refuse a document that has some."""
    return SURROGATES.sub(lambda found: _escaped(found[0]).replace("\\", "\\\\"), document)


def _escaped(surrogate: str) -> str:
    number = ord(surrogate)
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"


def visible(text: str) -> str:
    """Return one line in which every character can be seen: control characters are written as escapes.

    Names of files, columns, labels and settings come from outside. Control characters among them could move the
    cursor, change colours, or begin a line that looks like one of ours; marks of direction could reverse a name.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible_character, readable(text)))


def _visible_character(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":  # a space of some width
        return character
    return character.encode("unicode_escape").decode("ascii")
