"""The predictions for one file, row by row, in the form that is printed and written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.commands.probabilities import shortest
from stages.shared.arrays import Probabilities
from stages.shared.documents import Label


@dataclass(slots=True)
class FilePredictions:
    r"""The predictions for one file.

    Attributes
    ----------
    file : its name as it was given, bytes that are not UTF-8 as ``\xe9``
    is_picture : whether it is one; then there is a single row
    P : float32 (m, n_classes), the probabilities
    ids, labels : of each row of a CSV that has them, else empty; None for a row without a label among others
    warnings : how its images differ from the training images, or that a picture may show several digits
    """

    file: str
    is_picture: bool
    P: Probabilities
    ids: list[str] = field(default_factory=list)
    labels: list[Label | None] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def records(self, classes: Sequence[Label]) -> Iterator[dict[str, Any]]:
        """One mapping a row, as --json shows it; what the file lacks is None."""
        best = self.P.argmax(axis=1)
        for row, index in enumerate(best.tolist()):
            yield {
                "file": self.file,
                "row": None if self.is_picture else row,
                "id": self.ids[row] if self.ids else None,
                "label": self.labels[row] if self.labels else None,
                "predicted": classes[index],
                "confidence": shortest(self.P[row, index]),
                "probabilities": {str(label): shortest(p) for label, p in zip(classes, self.P[row], strict=True)},
            }

    def n_correct(self, classes: Sequence[Label]) -> int:
        """How many of the labelled rows are recognised."""
        predicted = (classes[index] for index in self.P.argmax(axis=1).tolist())
        return sum(label == own for label, own in zip(predicted, self.labels, strict=False))


def optional_columns(predictions: Sequence[FilePredictions]) -> list[str]:
    """Which of ``row``, ``id`` and ``label`` at least one of the files has."""
    are_there = {
        "row": not all(each.is_picture for each in predictions),
        "id": any(each.ids for each in predictions),
        "label": any(each.labels for each in predictions),
    }
    return [name for name, is_there in are_there.items() if is_there]
