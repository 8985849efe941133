"""Rows of ingest's tables by their numbers: their images, labels and ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from pipeline.errors import ConfigError
from stages.ingest.image_table import columns_as_array, pixel_names, read_contract
from stages.shared.arrays import Pixels
from stages.shared.messages import counted
from stages.shared.parquet import open_table


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of train.parquet or test.parquet holds: ``pixels`` uint8 (n_pixels,), its label and id if any."""

    pixels: Pixels
    label: int | str | None
    id: str | None


def read_rows(path: Path, rows: Sequence[int]) -> list[Row]:
    """The rows of an image table with these numbers, from 0, in this order; only their row groups are read.

    Raises ConfigError if there is no such row, and DataError if the file is missing or damaged.
    """
    found: dict[int, Row] = {}
    with open_table(path, stage="ingest") as file:
        contract = read_contract(file)
        for row in rows:
            if not 0 <= row < contract.rows:
                raise ConfigError(
                    f"there is no row {row:,}: {path.name} has {counted(contract.rows, 'row')}",
                    where=f"artifacts/ingest/{path.name}",
                    hint=f"rows count from 0: name one from 0 to {contract.rows - 1}",
                )
        pixels = pixel_names(file.schema_arrow)
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        for group, first_row in enumerate(accumulate(sizes[:-1], initial=0)):
            here = [row for row in rows if first_row <= row < first_row + sizes[group]]
            if not here:
                continue
            table = file.read_row_group(group).take([row - first_row for row in here])
            columns = columns_as_array(table.select(pixels))  # (n_pixels, n_here)
            for at, row in enumerate(here):
                label, id = (table.column(name)[at].as_py() if name else None for name in (contract.label, contract.id))
                found[row] = Row(columns[:, at], label, id)
    return [found[row] for row in rows]
