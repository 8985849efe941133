"""One row of the data at a time: its image, its label, the part that it fell into, and warped copies of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import ConfigError
from stages.ingest.image_table import columns_as_array, pixel_names, read_contract
from stages.mlp import Augmentation, warped_copies
from stages.shared.arrays import Pixels
from stages.shared.messages import counted
from stages.shared.parquet import open_table
from stages.split.normalise import normalise

if TYPE_CHECKING:
    from stages.split.documents import Normaliser
    from stages.train.parameters import TrainParameters


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of train.parquet or test.parquet holds: ``pixels`` uint8 (n_pixels,), its label and id if any."""

    pixels: Pixels
    label: int | str | None
    id: str | None


def read_row(path: Path, row: int) -> Row:
    """The row ``row``, from 0, of an image table; only its row group is read.

    Raises
    ------
    ConfigError
        There is no such row.
    DataError
        The file is missing or damaged.
    """
    with open_table(path, stage="ingest") as file:
        contract = read_contract(file)
        if row >= contract.rows:
            raise ConfigError(
                f"there is no row {row:,}: {path.name} has {counted(contract.rows, 'row')}",
                where=f"artifacts/ingest/{path.name}",
                hint=f"name one from 0 to {contract.rows - 1}",
            )
        group, first_row = 0, 0
        while row >= first_row + (n_rows := file.metadata.row_group(group).num_rows):
            group, first_row = group + 1, first_row + n_rows
        table = file.read_row_group(group).slice(row - first_row, 1)
        pixels = columns_as_array(table.select(pixel_names(file.schema_arrow)))[:, 0]
        label, id = (table.column(name)[0].as_py() if name else None for name in (contract.label, contract.id))
        return Row(pixels, label, id)


def part_of(row: int, folder: Path) -> str:
    """What split made of a row of train.parquet: ``training``, ``validation``, or ``unused``."""
    for part in ("training", "validation"):
        rows = np.load(folder / f"rows_{part.removesuffix('ing')}.npy", mmap_mode="r")
        if (rows == row).any():
            return part
    return "unused"


def warped(image: Pixels, copies: int, parameters: TrainParameters, normaliser: Normaliser) -> list[Pixels]:
    """Copies of ``image`` (height, width) as training warps them with these settings; none if it warps nothing."""
    augmentation = Augmentation(**{each.name: getattr(parameters, each.name) for each in fields(Augmentation)})
    if not augmentation.is_active:
        return []
    shown = normalise(image, normaliser, np.dtype(np.float32))
    warped_images = warped_copies(shown, augmentation, np.random.default_rng(parameters.seed), copies)
    return list(np.round(warped_images.clip(0, 1) * normaliser.scale + normaliser.offset).astype(np.uint8))
