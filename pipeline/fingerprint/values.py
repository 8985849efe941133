"""The fingerprint of plain values: one canonical, type-tagged encoding, hashed.

Everything that is hashed carries a tag of its type and its length, so that ``1``, ``"1"``, ``1.0`` and
``True`` never collide, and neither do ``["ab"]`` and ``["a", "b"]``. The idea is redun's;
docs/decisions/fingerprints.md says why this code is our own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence


def encode(value: object) -> bytes:
    """Encode plain data so that different values never give equal bytes.

    Takes None, bool, int, float, str, bytes, sequences and mappings with text keys (in any order).
    Raises TypeError for anything else: what has no canonical form must not be hashed.
    """
    if isinstance(value, str):  # the first, since most values are
        data = value.encode("utf-8", "surrogatepass")
        return b"S%d:" % len(data) + data
    if value is None:
        return b"N;"
    if isinstance(value, bool):
        return b"B1;" if value else b"B0;"
    if isinstance(value, int):
        return b"I%d;" % value
    if isinstance(value, float):
        return b"F" + ("nan" if math.isnan(value) else value.hex()).encode() + b";"
    if isinstance(value, bytes):
        return b"Y%d:" % len(value) + value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("only mappings with text keys have a canonical form")
        items = b"".join([encode(key) + encode(value[key]) for key in sorted(value)])
        return b"M%d:" % len(value) + items
    if isinstance(value, Sequence):
        return b"L%d:" % len(value) + b"".join([encode(item) for item in value])
    raise TypeError(f"{type(value).__name__} has no canonical form")


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical form of ``value``, as 64 hexadecimal digits."""
    return hashlib.sha256(encode(value)).hexdigest()
