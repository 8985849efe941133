"""Read TOML from outside, within bounds.

Without bounds, the time of Python's reader grows with the square of a dotted key's parts. It fails in deep brackets and
on numbers of thousands of digits.
"""

from __future__ import annotations

import math
import re
import stat
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Any

from pipeline.errors import shortened
from pipeline.write_toml import LARGEST

MOST_BYTES = 1 << 20  # of a file or a value
SIMPLER = "write a number, a text, or a list of them"  # the hint for a value that is refused
DEEPEST = 10  # brackets in brackets, or parts of a dotted key; the log of runs holds no more
MOST_BITS = 10_000  # of a number: Python writes no more than 4,300 digits
NO_UNICODE = "is not written in UTF-8"
ENDLESS_NUMBER = "it holds a number of thousands of digits"
QUOTED_OR_COMMENT = re.compile(r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*+"|\'[^\'\n]*+\'|#[^\n]*+')


class TomlError(ValueError):
    """A text that is not TOML, or exceeds the bounds."""


def read_text(path: Path) -> str:
    """Read a small text file in UTF-8. Raises OSError, and TomlError if it is anything else."""
    if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would wait for ever, and a device may have no end
        raise TomlError("it is no file" if not path.is_dir() else "it is a folder")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise TomlError(f"it has more than {MOST_BYTES:,} bytes")
    fewer, more = sorted(content[start::2].count(0) for start in (0, 1))
    if not fewer and 4 * more > len(content) and not len(content) % 2:  # a NUL stands beside each plain letter
        raise TomlError("it is encoded as UTF-16")
    try:
        return content.decode("utf-8-sig")  # Windows' Notepad begins with a BOM
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TomlError(f"it is encoded in another way than UTF-8 (see line {line})") from error


def parse_document(text: str) -> dict[str, Any]:
    """Parse a TOML document; raises TomlError."""
    if len(text) > MOST_BYTES:
        raise TomlError(f"it has more than {MOST_BYTES:,} letters")
    if _longest_key(text) > DEEPEST:
        raise TomlError(f"it has a key of more than {DEEPEST} parts")
    try:
        return _plain(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise TomlError(f"it is not valid TOML: {shortened(str(error))}") from error
    except RecursionError as error:
        raise TomlError(f"it is nested more than {DEEPEST} deep") from error
    except ValueError as error:  # Python reads no decimal number of more than 4,300 digits
        raise TomlError(ENDLESS_NUMBER) from error


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """Turn dates and times into texts: no setting is a date, and a text may be written without quotes.

    Raises TomlError for a hexadecimal, octal or binary number that cannot be written as a decimal one.
    """
    left: list[Any] = [document]
    while left:
        part = left.pop()
        for key, each in part.items() if isinstance(part, dict) else enumerate(part):
            if isinstance(each, dict | list):
                left.append(each)
            elif isinstance(each, date | time):  # a datetime is a date too
                part[key] = each.isoformat()
            elif isinstance(each, int) and each.bit_length() > MOST_BITS:
                raise TomlError(ENDLESS_NUMBER)
    return document


def line_of(document: str, name: str) -> int | None:
    """Return the line, from 1, where a key or table (``train.epochs``) begins; None if no single line has it."""
    table = ""
    for number, line in enumerate(map(str.strip, document.split("\n")), 1):
        header, _, after = line.lstrip("[").partition("]")
        if line.startswith("[") and after.lstrip("] ")[:1] in {"", "#"}:
            table = found = _plain_key(header)
        else:
            key, equals, _ = line.partition("=")
            found = f"{table}.{_plain_key(key)}".lstrip(".") if equals else ""
        if f"{found}.".startswith(f"{name}."):
            return number
    return None


def parse_value(text: str) -> Any:
    """Parse a TOML value; ``none`` is None, and what is not TOML is a text, so that quotes can be left out.

    Raises TomlError for a value that exceeds the bounds.
    """
    if text.strip() == "none":
        return None
    try:
        parsed = parse_document(f"value = {text}")
    except TomlError as error:
        if isinstance(error.__cause__, tomllib.TOMLDecodeError):
            return text.strip()
        raise
    return parsed["value"] if parsed.keys() == {"value"} else text.strip()


def setting_problem(value: Any) -> str:
    """Say what is wrong with a plain value as a setting, as words after "it"; an empty text if nothing is."""
    left = [(value, 0)]
    while left:
        each, depth = left.pop()
        if depth > DEEPEST:
            return f"is nested more than {DEEPEST} deep"
        if isinstance(each, dict):
            left += [(part, depth + 1) for part in (*each, *each.values())]
        elif isinstance(each, list):
            left += [(part, depth + 1) for part in each]
        elif isinstance(each, float) and not math.isfinite(each):
            return f"must be a finite number, not {each}"
        elif isinstance(each, int) and not -LARGEST <= each < LARGEST:
            return "holds a number of more than 63 bits"
        elif isinstance(each, str) and "\0" in each:
            return "holds a NUL character"
        elif isinstance(each, str) and not _is_unicode(each):
            return NO_UNICODE
    return ""


def _plain_key(written: str) -> str:
    """Return a dotted key without its quotes and spaces."""
    return re.sub("[\\s\"']", "", written)


def _longest_key(text: str) -> int:
    """Count the parts of the longest dotted key."""
    without_texts = QUOTED_OR_COMMENT.sub("x", text).replace(" ", "").replace("\t", "")
    return 1 + max(part.count(".") for part in re.split(r"[^\w.+-]", without_texts))


def _is_unicode(text: str) -> bool:
    """Whether a text from the environment or the command line was UTF-8: Python reads other bytes as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
