"""What every file that train writes must hold: one check a file, called on the bytes on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandera.pandas as pa

from stages.mlp import load_members
from stages.shared.arrays import load_array
from stages.shared.checks import check_table, read_table
from stages.shared.damaged_error import damaged
from stages.train.images_of_model import images_of


def check_history(path: Path) -> None:
    """history.parquet: each member's epochs counted from 1, one of them kept, with plausible losses and accuracies."""
    history = read_table(path, stage="train")
    loss, share = pa.Check.in_range(0.0, float("inf"), include_max=False), pa.Check.in_range(0.0, 1.0)
    columns = {
        "member": pa.Column("int64"),
        "fold": pa.Column("int64", pa.Check.ge(0)),
        "epoch": pa.Column("int64"),
        "learning_rate": pa.Column("float64", loss),
        "train_loss": pa.Column("float64", loss),
        "train_accuracy": pa.Column("float64", share),
        "validation_loss": pa.Column("float64", loss),
        "validation_accuracy": pa.Column("float64", share),
        "kept": pa.Column("bool"),
    }
    check_table(path, history, pa.DataFrameSchema(columns, strict=True, ordered=True), stage="train")
    last = [int(epochs.iloc[-1]) for _, epochs in history.groupby("member")["epoch"]]
    expected = [(member, epoch) for member, n in enumerate(last) for epoch in range(1, n + 1)]
    if not expected or list(zip(history["member"].tolist(), history["epoch"].tolist(), strict=True)) != expected:
        raise damaged(path, "the epochs are not 1, 2, 3 ... of member 0, 1, 2 ...", "train")
    if (history.groupby("member")["kept"].sum() != 1).any():
        raise damaged(path, "not one epoch is kept of every member", "train")


def check_folds(path: Path) -> None:
    """folds.npy: int16 (m,), -1 throughout, or folds counted from 0 of which none is empty."""
    folds = load_array(path, stage="train", dtype=np.int16, n_dimensions=1)
    found = np.unique(folds).tolist()
    if found not in ([-1], list(range(len(found)))):
        raise damaged(path, f"the folds are {found[:10]}, not -1 or 0, 1, 2 ...", "train")


def check_model(path: Path) -> None:
    """model.npz: a network or an ensemble, with finite weights of the shapes that its own header says, and images."""
    try:
        images_of(load_members(path))
    except ValueError as error:
        raise damaged(path, str(error), "train") from error
