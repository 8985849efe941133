"""One row of the data at a time: its image, its label, the part that it fell into, and warped copies of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import ConfigError
from stages.ingest.image_table import columns_as_array, pixel_names, read_contract
from stages.mlp import Augmentation, Warp
from stages.shared.arrays import Pixels
from stages.shared.messages import counted
from stages.shared.parquet import open_table

if TYPE_CHECKING:
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


def warped(image: Pixels, copies: int, parameters: TrainParameters) -> list[Pixels]:
    """Copies of ``image`` as training warps them with these settings; none if it warps nothing."""
    strengths = Augmentation(**{each.name: getattr(parameters, each.name) for each in fields(Augmentation)})
    if not any(getattr(strengths, each.name) for each in fields(Augmentation) if each.name != "smoothness"):
        return []
    X = np.repeat(image.reshape(1, -1), copies, axis=0).astype(np.float32) / 255  # (copies, n_pixels)
    X_warped = np.empty_like(X)
    warp = Warp(strengths, image.shape[0], image.shape[1], group=1)
    warp.warp(X, np.random.default_rng(parameters.seed), out=X_warped)
    return list(np.round(X_warped.clip(0, 1) * 255).astype(np.uint8).reshape(copies, *image.shape))
