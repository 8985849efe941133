"""JSON artifacts as strict models: what every stage's documents have in common."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from pipeline.errors import DataError

Label = int | str
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base: immutable, and refusing keys it doesn't know."""


D = TypeVar("D", bound=Document)


def encode_document(document: Document) -> bytes:
    """``document`` as indented UTF-8 JSON with a final newline; the same document gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def decode_document(data: bytes, model: type[D], *, name: str, hint: str) -> D:
    """The ``model`` that ``data`` holds.

    Raises
    ------
    DataError
        ``data`` is not JSON, or not of this model; ``name`` says which file, ``hint`` the command.
    """
    try:
        return msgspec.json.decode(data, type=model)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{name} is not what it should be: {error}", where=name, hint=hint) from error
