"""What every file that submit writes must hold: one check a file, called on the bytes on disk."""

from __future__ import annotations

from pathlib import Path

import pandera.pandas as pa

from stages.shared.checks import check_table, read_csv
from stages.shared.damaged_error import damaged
from stages.shared.messages import counted


def check_submission(path: Path) -> None:
    """Two columns, no empty cell, no id twice."""
    submission = read_csv(path, stage="submit")
    if submission.shape[1] != 2 or not len(submission):
        size = f"{counted(len(submission), 'row')} of {counted(submission.shape[1], 'column')}"
        raise damaged(path, f"{size}, not some rows of 2", "submit")
    id_name, label_name = submission.columns
    filled = pa.Check.str_length(min_value=1)
    schema = pa.DataFrameSchema({id_name: pa.Column(str, filled, unique=True), label_name: pa.Column(str, filled)})
    check_table(path, submission, schema, stage="submit")
