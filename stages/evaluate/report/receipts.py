"""The receipts of the stages before evaluate: how the raw files became what the report shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

SHOWN_DIGITS = 16  # of 64 hexadecimal digits; artifacts/.store names its folders by as many
LOCATION = "location"  # among a receipt's raw files: where they lie


class Work(msgspec.Struct, frozen=True):
    """What a stage did, as far as the report shows it; see docs/receipts.md."""

    stage: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    sources: Mapping[str, str]
    code: Mapping[str, str]
    libraries: Mapping[str, str]


class Output(msgspec.Struct, frozen=True):
    """A published file: the digest of its content."""

    content: str


class Receipt(msgspec.Struct, frozen=True):
    """The parts of a receipt that are the same when the same work is done again."""

    key: str
    work: Work
    outputs: Mapping[str, Output]

    @property
    def raw_files(self) -> dict[str, str]:
        """The digest of each raw file that the stage read, by name."""
        return {name: value for name, value in self.work.sources.items() if name != LOCATION}

    @property
    def code(self) -> str:
        """One digest of all the code that the stage uses: equal in two reports if the code means the same."""
        return hashlib.sha256(json.dumps(self.work.code, sort_keys=True).encode()).hexdigest()


def read_receipts(paths: Mapping[str, Path]) -> tuple[Receipt, ...]:
    """Those of a stage's inputs that are receipts, in their order."""
    decode = msgspec.json.Decoder(Receipt).decode
    return tuple(decode(path.read_bytes()) for path in paths.values() if path.name == "receipt.json")


def settings_of(receipts: Iterable[Receipt], stage: str) -> Mapping[str, Any]:
    """The settings that a stage was run with."""
    return next(receipt.work.parameters for receipt in receipts if receipt.work.stage == stage)
