"""The suspects among the rows that evaluate predicted, with what the training file says of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError
from stages.commands.probabilities import shortest
from stages.commands.read_rows import read_rows
from stages.encode.documents import Classes
from stages.evaluate.suspects import find_suspects
from stages.ingest.image_table import read_contract
from stages.ingest.profile import Profile
from stages.shared.arrays import Indices, Pixels
from stages.shared.documents import Label, read_document
from stages.shared.parquet import open_table, read_column

if TYPE_CHECKING:
    from pipeline.planning.current_result import Current


@dataclass(frozen=True, slots=True)
class Suspect:
    """A training row whose label may be wrong.

    ``line`` counts from 1 in the training file, ``row`` from 0 in train.parquet. ``is_confident`` is whether the label
    is probably wrong, and not just in doubt.
    """

    line: int
    row: int
    label: Label
    suggested: Label
    p_label: float
    p_suggested: float
    is_confident: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The suspects, the likeliest mistake first, and how many of the training rows were judged."""

    suspects: tuple[Suspect, ...]
    n_judged: int
    n_rows: int

    @property
    def n_confident(self) -> int:
        """How many labels are probably wrong."""
        return sum(each.is_confident for each in self.suspects)


def find_in_results(ingest: Current, encode: Current, evaluate: Current) -> Found:
    """Find the suspects among the rows of evaluate/predictions.parquet.

    Raises DataError if a file is damaged, or if evaluate predicted other data than ingest and encode hold now.
    """
    used = evaluate.receipt.work.inputs
    for artifact, current in (("ingest/receipt.json", ingest), ("encode/classes.json", encode)):
        if used.get(artifact) != current.receipt.content(artifact):  # an earlier version may have read others
            raise DataError(
                "evaluate predicted other data than ingest and encode hold now",
                where="artifacts/evaluate/predictions.parquet",
                hint="pipeline run evaluate",
            )
    classes = read_document(encode.folder / "classes.json", Classes, stage="encode").classes
    path = evaluate.folder / "predictions.parquet"
    with open_table(path, stage="evaluate") as file:
        columns = file.read(columns=["row", "label", *(f"p_{label}" for label in classes)])
    rows, labels = (columns.column(name).to_numpy() for name in ("row", "label"))  # (m,)
    P = np.stack([columns.column(f"p_{label}").to_numpy() for label in classes], axis=1)  # (m, n_classes)
    index_of = {label: index for index, label in enumerate(classes)}
    given = np.array([index_of[label] for label in labels.tolist()])
    with open_table(ingest.folder / "train.parquet", stage="ingest") as file:
        n_rows = read_contract(file).rows
    found = find_suspects(P, given, rows)
    lines = lines_of(rows[found.positions], ingest)
    suspects = tuple(
        Suspect(
            line=line,
            row=int(rows[at]),
            label=classes[given[at]],
            suggested=classes[suggested],
            p_label=shortest(P[at, given[at]]),
            p_suggested=shortest(P[at, suggested]),
            is_confident=is_confident,
        )
        for at, suggested, is_confident, line in zip(
            found.positions.tolist(),
            found.suggested.tolist(),
            found.are_confident.tolist(),
            lines.tolist(),
            strict=True,
        )
    )
    return Found(suspects, len(rows), n_rows)


def lines_of(rows: Indices, ingest: Current) -> Indices:
    """The line in the training file, from 1, of each of ``rows`` of train.parquet: (k,).

    The header has a line, and so has each row that was set aside.
    """
    quarantine = ingest.folder / "quarantine.parquet"
    bad = read_column(quarantine, "line", stage="ingest") if quarantine.exists() else np.empty(0, np.int64)
    first = 2 if ingest.receipt.work.parameters["has_header"] else 1
    n_good_before = np.sort(bad) - first - np.arange(len(bad))  # of each bad line, (n_bad,)
    return rows + first + np.searchsorted(n_good_before, rows, side="right")


def images_of(suspects: Sequence[Suspect], ingest: Path) -> list[Pixels]:
    """The images (height, width) of suspects, from the folder of ingest's result."""
    profile = read_document(ingest / "profile.json", Profile, stage="ingest")
    found = read_rows(ingest / "train.parquet", [each.row for each in suspects])
    return [each.pixels.reshape(profile.height, profile.width) for each in found]
