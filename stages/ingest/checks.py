"""What every file that ingest writes must hold: one check a file, called on the bytes on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from stages.ingest.documents import DataSource
from stages.ingest.image_table import PIXEL_TYPE, Contract, pixel_names, read_contract
from stages.ingest.profile import Profile
from stages.shared.checks import check_table, read_table
from stages.shared.damaged_error import damaged
from stages.shared.documents import read_document
from stages.shared.messages import counted
from stages.shared.parquet import open_table

COLUMNS_AT_ONCE = 128


def check_train_table(path: Path) -> None:
    """train.parquet: an image table whose every row has one of its classes as its label."""
    contract = check_image_table(path)
    if contract.label is None:
        raise damaged(path, "there is no label column", "ingest")


def check_test_table(path: Path) -> None:
    """test.parquet: an image table without labels."""
    contract = check_image_table(path)
    if contract.label is not None:
        raise damaged(path, "there is a label column", "ingest")


def check_image_table(path: Path) -> Contract:
    """Every page can be read, and no cell is empty; rows, labels and ids are as the contract says.

    A pixel is from 0 to 255 by the type of its column, uint8.
    """
    with open_table(path, stage="ingest") as file:
        contract = read_contract(file)
        pixels = pixel_names(file.schema_arrow)
        if not pixels or file.metadata.num_rows != contract.rows:
            size = f"{counted(file.metadata.num_rows, 'row')} of {counted(len(pixels), 'pixel')}"
            raise damaged(path, f"{size}, not {contract.rows}", "ingest")
        for group in range(file.num_row_groups):
            for start in range(0, len(pixels), COLUMNS_AT_ONCE):
                table = file.read_row_group(group, columns=pixels[start : start + COLUMNS_AT_ONCE])
                if empty := [name for name in table.column_names if table[name].null_count]:
                    raise damaged(path, f"column {empty[0]} has empty cells", "ingest")
        others = [field.name for field in file.schema_arrow if field.type != PIXEL_TYPE]
        frame = file.read(columns=others).to_pandas() if others else pd.DataFrame(index=range(contract.rows))
    columns = {}
    if contract.label is not None:
        columns[contract.label] = pa.Column(checks=pa.Check.isin(contract.classes))
    if contract.id is not None:
        is_used = contract.label is None  # the ids of the training set are only shown
        columns[contract.id] = pa.Column(str, pa.Check.str_length(min_value=1) if is_used else None)
    check_table(path, frame, pa.DataFrameSchema(columns, strict=True), stage="ingest")
    return contract


def check_ids(path: Path) -> None:
    """ids.parquet: one column, numbers or texts, no id twice and none empty."""
    ids = read_table(path, stage="ingest")
    if ids.shape[1] != 1:
        raise damaged(path, f"{counted(ids.shape[1], 'column')}, not 1", "ingest")
    filled = pa.Check(lambda column: column != "", error="not empty")
    check_table(path, ids, pa.DataFrameSchema({ids.columns[0]: pa.Column(checks=filled, unique=True)}), stage="ingest")


def check_profile(path: Path) -> None:
    """``Profile``, as profile.py has it: its figures agree with each other."""
    read_document(path, Profile, stage="ingest")


def check_source(path: Path) -> None:
    """``DataSource``: a text and a truth value."""
    read_document(path, DataSource, stage="ingest")


def check_quarantine(path: Path) -> None:
    """quarantine.parquet: at least one row that was set aside, with its line, the reason, and its text."""
    columns = {
        "line": pa.Column("int64", pa.Check.ge(1), unique=True),
        "reason": pa.Column(str, pa.Check.str_length(min_value=1)),
        "text": pa.Column(str),
    }
    rows = read_table(path, stage="ingest")
    check_table(path, rows, pa.DataFrameSchema(columns, strict=True), stage="ingest")
    if not len(rows):
        raise damaged(path, "there is no row in it", "ingest")
