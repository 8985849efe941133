"""The receipt of a finished stage: what went in, what came out, and a seal over everything; and what may be damaged.

Its format is documented in docs/receipts.md. Paths are relative, keys are sorted, and no time is part of
anything that is hashed, so that a copy of an artifacts folder is still fresh.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from functools import cached_property
from typing import Any

from pipeline.figures import AnyFigure, read_figure
from pipeline.fingerprint.values import digest
from pipeline.printable_text import readable_json

FORMAT = 1
LOCATION = "location"  # an entry among a work's sources: where the raw files lie
FILE_NAME = "receipt.json"
KEY_DIGITS = 16  # of a key's 64 digits, so many are in a folder's name


class ReceiptError(ValueError):
    """A receipt that is damaged, of another format, or not a receipt at all."""


@dataclass(frozen=True)  # without slots, which cached_property does not allow
class Work:
    """All that a stage's result depends on: equal work gives an equal result.

    ``parameters`` are plain data; ``inputs`` maps an artifact's path to the digest of its content,
    ``sources`` a raw file's name to the digest of its bytes, ``code`` a definition's full name to the
    digest of its meaning, ``libraries`` a name to a version.
    """

    stage: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    sources: Mapping[str, str]
    code: Mapping[str, str]
    libraries: Mapping[str, str]
    outputs: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        """The fingerprint of the work: 64 hexadecimal digits."""
        return digest(["work", FORMAT, {field.name: getattr(self, field.name) for field in fields(self)}])


@dataclass(frozen=True, slots=True)
class Output:
    """One published file: its size in bytes, and the digests of its bytes and of its content."""

    size: int
    bytes: str
    content: str


class DamageKind(Enum):
    """What can be wrong with a finished stage's files."""

    OUTPUT_MISSING = "output missing"
    OUTPUT_DAMAGED = "output damaged"
    RECEIPT_UNREADABLE = "receipt unreadable"


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong; ``subject`` is the file (``split/X_train.npy``), or why a receipt is unreadable."""

    kind: DamageKind
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.subject}" if self.subject else self.kind.value


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof of a finished stage; ``outputs`` maps a file's name to what was published.

    ``environment`` says which Python, NumPy and matrix kernels made it; it is not part of the key.
    ``partial_results`` are the keys of those that the result was made of. A partial result has a receipt too; its
    work is the stage's, with its own description in the place of the parameters.
    """

    work: Work
    outputs: Mapping[str, Output]
    figures: Mapping[str, AnyFigure]
    warnings: tuple[str, ...]
    origin: str
    notice: str
    finished: str
    seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)
    partial_results: tuple[str, ...] = ()

    @property
    def generation(self) -> str:
        """The name of the folder that holds the outputs: equal work with equal bytes needs one folder."""
        content = digest({name: output.bytes for name, output in self.outputs.items()})
        return f"{self.work.key[:KEY_DIGITS]}-{content[:KEY_DIGITS]}"

    def content(self, path: str) -> str | None:
        """Return the content digest of an artifact (``split/X_train.npy``), or None if it was not written.

        A receipt may be an input like an artifact (``split/receipt.json``). It counts by what was done and
        what came out, not by when and how fast.
        """
        name = path.partition("/")[2]
        if name == FILE_NAME:
            return digest([self.work.key, {file: output.content for file, output in self.outputs.items()}])
        output = self.outputs.get(name)
        return output.content if output else None


def bytes_part(generation: str) -> str:
    """Return the part of a generation's name that depends on the bytes alone, and not on the work."""
    return generation.rpartition("-")[2]


def to_json(receipt: Receipt) -> bytes:
    """Write a receipt as JSON that a person can read, closed with a seal."""
    body = {"format": FORMAT, **asdict(receipt)}
    body["key"] = receipt.work.key
    body["figures"] = list(body["figures"].items())  # pairs keep the order in which the stage reported them
    plain = json.loads(readable_json(json.dumps(body, ensure_ascii=False)))
    plain["seal"] = digest(["receipt", plain])
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def from_json(data: bytes) -> Receipt:
    """Read a receipt back; raises ReceiptError if it is damaged or of another version."""
    try:
        body = json.loads(data)
        version = body.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReceiptError("it is not a receipt") from error
    if version != FORMAT:
        raise ReceiptError(f"it has format {version}, and this version of the pipeline reads format {FORMAT}")
    try:
        seal = body.pop("seal")
        if seal != digest(["receipt", {"format": version, **body}]):
            raise ReceiptError("its seal is broken")
        del body["key"]
        work = body.pop("work")
        work["outputs"] = tuple(work["outputs"])
        outputs = {name: Output(**output) for name, output in body.pop("outputs").items()}
        figures = {name: read_figure(data) for name, data in body.pop("figures")}
        warnings = tuple(body.pop("warnings"))
        partial = tuple(body.pop("partial_results", body.pop("pieces", ())))  # "pieces" is their older name
        return Receipt(Work(**work), outputs, figures, warnings, partial_results=partial, **body)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReceiptError("it lacks something") from error
