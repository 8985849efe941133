"""Which texts are labels, and which are ids."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.errors import ConfigError
from stages.shared.documents import Label
from stages.shared.messages import shortened

WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # as decimal digits, within int64
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ID_RULE = "not an id: it is empty, or has a control character in it"


class ClassSet:
    """Which texts are labels, and what they mean: whole numbers, or the configured classes.

    Raises
    ------
    ConfigError
        The classes are neither all numbers nor all texts, or one is empty, has a control character in it, or is no
        number of 64 bits.
    """

    def __init__(self, classes: tuple[Label, ...] | None) -> None:
        if classes is not None:
            require_valid_classes(classes)
        self.values = None if classes is None else {str(label): label for label in classes}
        self.rule = "not a whole number of at most 18 digits (if labels are texts, list them in ingest.classes)"
        if classes is not None:
            self.rule = f"none of ingest.classes: {listed(classes)}"

    @property
    def are_texts(self) -> bool:
        """Whether labels are texts rather than whole numbers."""
        return self.values is not None and all(isinstance(label, str) for label in self.values.values())

    def __call__(self, text: str) -> Label | None:
        """The label that ``text`` stands for, None if it is none."""
        if self.values is not None:
            return self.values.get(text)
        return int(text) if WHOLE_NUMBER.fullmatch(text) else None


def listed(classes: Sequence[Label]) -> str:
    """The first ten of ``classes``, texts in quotation marks since a comma may be in them, and how many there are."""
    more = f", ... ({len(classes)} in all)" if len(classes) > 10 else ""
    return ", ".join(shortened(repr(label)) for label in classes[:10]) + more


def require_valid_classes(classes: tuple[Label, ...]) -> None:
    """Raise ConfigError unless the classes are all numbers of 64 bits, or all texts that a person can tell apart."""
    if len({type(label) for label in classes}) != 1:
        raise ConfigError(
            "ingest.classes must be all whole numbers or all texts",
            where=f"ingest.classes = {list(classes)[:10]}",
            hint="put every label in quotes, or none",
        )
    if "" in classes:
        raise ConfigError(
            "a label may not be empty", where="ingest.classes", hint="write what stands in the cells of the file"
        )
    if huge := [label for label in classes if isinstance(label, int) and not -(2**63) <= label < 2**63]:
        raise ConfigError(
            "a label of so many digits is too large for a whole number of 64 bits",
            where=f"ingest.classes: {huge[0]}",
            hint="put the labels in quotes",
        )
    if unseen := [label for label in classes if CONTROL_CHARACTER.search(str(label))]:
        raise ConfigError(
            "a label with a control character in it cannot be told apart by eye",
            where=f"ingest.classes: {shortened(str(unseen[0]))!r}",
            hint="give the class another label, in the file too",
        )


def is_id(text: str) -> bool:
    """Whether ``text`` may be an id: it is not empty, and no character in it is invisible."""
    return text != "" and not CONTROL_CHARACTER.search(text)
