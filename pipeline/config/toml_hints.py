"""Hints for the most frequent mistakes in pipeline.toml, and in a single value."""

from __future__ import annotations

import re

LINE = re.compile(r"\(at line (\d+), column (\d+)\)")
KEY_AND_VALUE = re.compile(r"\s*([\w.\-\"']+)\s*=\s*([^#]*?)\s*(?:#.*)?")
NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
NUMBERS = re.compile(rf"{NUMBER}(?:\s*,\s*{NUMBER})+\s*,?")
DECIMAL_COMMA = re.compile(r"([+-]?\d+),(\d+(?:[eE][+-]?\d+)?)")
ODD_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)%?")  # perhaps in another spelling than TOML's
LAYOUT = "one thing on each line: [train], below it epochs = 5; a comment begins with #"
QUOTES = 'texts need quotes: optimiser = "adam"'
LEAVE_OUT = "leave the line out: TOML has no word for none; to unset another default, use --set on the command line"
WORDS = {
    **dict.fromkeys(("true", "yes", "on"), "true"),
    **dict.fromkeys(("false", "no", "off"), "false"),
    **dict.fromkeys(("none", "null", "nil"), "none"),
}  # words of other languages -> TOML's
UTF_8 = "save the file as UTF-8: editors ask for the encoding at Save as"


def toml_hint(document: str, reason: str) -> str:
    """Return what to do about a document that is not valid TOML; ``reason`` is what its reader says."""
    if reason.startswith("it is encoded"):
        return UTF_8
    if reason in {"it is a folder", "it is no file"}:
        return "move it away: pipeline.toml is a text file"
    found, lines = LINE.search(reason), document.split("\n")
    number = int(found[1]) if found else len(lines)
    line = lines[number - 1] if number <= len(lines) else ""
    written = KEY_AND_VALUE.fullmatch(line)
    before_fault = line[: int(found[2]) - 1] if found else ""
    if "Unclosed array" in reason or (written and "Invalid value" in reason and not before_fault.strip()):
        return "close the list above with ], as in hidden = [256, 128]"
    if "Cannot overwrite" in reason and written:
        return f"the key {written[1]} stands twice in its table: leave one of the two lines out"
    if " twice" in reason or "Cannot mutate" in reason or "Cannot overwrite" in reason:
        return f"{line.strip()} stands twice: put all its keys below the first one"
    if "\\" in line and '"' in line:
        return r"write a path in single quotes, 'C:\data\train.csv', or with /: " + '"C:/data/train.csv"'
    if written and NUMBERS.fullmatch(written[2]):
        return comma_hint(written[1], written[2])
    if written and ODD_NUMBER.fullmatch(written[2]) and (plain := plain_number(written[2])) != written[2]:
        return f"write {written[1]} = {plain}"
    if written and "Invalid value" in reason and (known := WORDS.get(written[2].lower())):
        return LEAVE_OUT if known == "none" else f"write {written[1]} = {known}"
    return QUOTES if "Invalid value" in reason else LAYOUT


def comma_hint(key: str, value: str) -> str:
    """Say how a fraction or a list is written; ``value`` consists of numbers and commas, and is neither."""
    in_brackets, with_point = f"{key} = [{value}]", f"{key} = {with_decimal_point(value)}"
    if not DECIMAL_COMMA.fullmatch(value):
        return f"a list stands in brackets: {in_brackets}"
    first, after = value.split(",")
    if first.lstrip("+-") == "0" or after.startswith("0"):
        return f"a fraction has a point: {with_point}"
    return f"a fraction has a point: {with_point}; a list stands in brackets: {in_brackets}"


def plain_number(value: str) -> str:
    """Write a number as TOML has it: ``.5`` and ``50%`` are 0.5, ``010`` is 10."""
    number = float(value.removesuffix("%"))
    if value.endswith("%"):
        return repr(number / 100)
    return repr(number) if "." in value else str(int(number))


def with_decimal_point(value: str) -> str:
    """Replace the comma of a number (``0,001``) by a point; every other text stays as it is."""
    found = DECIMAL_COMMA.fullmatch(value.strip())
    return f"{found[1]}.{found[2]}" if found else value
