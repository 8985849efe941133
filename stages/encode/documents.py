"""The JSON that encode writes, as a strict model."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stages.shared.documents import Document, Label


class Classes(Document, frozen=True):
    """``encode/classes.json``: the original label of every output of the network, by index."""

    classes: Annotated[tuple[Label, ...], Meta(min_length=2)]

    def __post_init__(self) -> None:
        if len({type(label) for label in self.classes}) > 1:
            raise ValueError("classes mixes numbers and texts")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes holds a label twice")
