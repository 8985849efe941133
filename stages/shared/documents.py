"""JSON artifacts as strict models: what every stage's documents have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from stages.shared.damaged_error import damaged

Label = int | str
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base: immutable, and refusing unknown keys."""


S = TypeVar("S", bound=msgspec.Struct)


def encode_document(document: Document) -> bytes:
    """``document`` as indented UTF-8 JSON with a final newline; the same document gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def read_document(path: Path, model: type[S], *, stage: str) -> S:
    """The ``model`` in a JSON file that ``stage`` wrote; a plain ``msgspec.Struct`` takes a part of the file.

    Raises
    ------
    DataError
        The file is not JSON, or not of this model.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=model)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise damaged(path, f"not what it should be: {error}", stage) from error
